// What befell the bank, as spans of time: for one branch each, and together, as people speak of it. Which
// they are, the core has found.

export class Faults {
  constructor(trace) {
    this.groups = trace.faults.map((fault) => groupOf(trace, fault));
    this.all = this.groups.flatMap(({ spans }) => spans).sort((a, b) => a.start - b.start || a.row - b.row);
    this.ofLane = trace.branches.map((_, lane) => this.all.filter((span) => span.lane === lane));
  }

  /** What a lane suffers at an instant: "killed", "paused", or null. */
  at(lane, position) {
    const found = this.ofLane[lane].find(
      ({ kind, row, endRow }) =>
        (kind === "killed" || kind === "paused") && row <= position && (endRow < 0 || endRow > position),
    );
    return found ? found.kind : null;
  }
}

/** Spans that are one fault, with a text for all. Rows that are not in the trace are -1. */
function groupOf(trace, { kind, text, reason, branches, sides, start_us, end_us, parts }) {
  const lanesOf = (ids) => ids.map((branch) => trace.laneOf.get(branch));
  return {
    kind,
    text: `${kind} ${text}${reason && (kind === "slow" || kind === "loss") ? `: ${reason}` : ""}`,
    start: start_us,
    end: end_us,
    lanes: lanesOf(branches),
    sides: sides.map(lanesOf),
    spans: parts.map(([branch, start, end, row, endRow]) => ({
      kind,
      lane: trace.laneOf.get(branch),
      start,
      end,
      row: row ?? -1,
      endRow: endRow ?? -1,
    })),
  };
}
