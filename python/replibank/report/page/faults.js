// What befell the bank, as spans of time, for one branch each; and together, as people speak of it.

const BEGINS = { killed: "down", paused: "paused", cut: "cut", slowed: "slowed", dropping: "dropping" };
const ENDS = { restarted: "down", resumed: "paused", mended: "cut", unslowed: "slowed", delivering: "dropping" };

/** Of these, one may begin while another lasts; the first to begin is taken for the first to end. */
const NESTED = new Set(["cut", "paused", "slowed"]);

/** Spans that begin and end so close to each other are one fault. */
const TOGETHER_US = 1000;

export class Faults {
  constructor(trace) {
    this.trace = trace;
    this.all = gather(trace);
    this.ofLane = trace.branches.map((_, lane) => this.all.filter((span) => span.lane === lane));
    const links = (trace.bank.links ?? []).map((ends) => ends.map((branch) => trace.laneOf.get(branch)));
    this.groups = group(this.all, trace.branches, links);
  }

  /** What a lane suffers at an instant: "down", "paused", or null. */
  at(lane, position) {
    const found = this.ofLane[lane].find(
      ({ kind, row, endRow }) =>
        (kind === "down" || kind === "paused") && row <= position && (endRow < 0 || endRow > position),
    );
    return found ? found.kind : null;
  }
}

function gather(trace) {
  const spans = [];
  const open = new Map();
  for (let row = 0; row < trace.length; row += 1) {
    const event = trace.event(row);
    const kind = BEGINS[event] ?? ENDS[event];
    if (!kind) continue;
    const [lane, peer] = [trace.lane[row], trace.peerLane(row)];
    const key = `${kind} ${lane} ${peer}`;
    if (!open.has(key)) open.set(key, []);
    const its = open.get(key);
    if (ENDS[event]) {
      Object.assign(its.shift() ?? {}, { end: trace.time[row], endRow: row });
    } else if (!its.length || NESTED.has(kind)) {
      const reason = trace.text("reason", row);
      const span = { kind, lane, peer, row, endRow: -1, start: trace.time[row], end: trace.end, reason };
      its.push(span);
      spans.push(span);
    }
  }
  return spans;
}

/** Spans that began and ended together, with a text for all. */
function group(spans, branches, links) {
  const groups = [];
  for (const span of spans) {
    const near = (a, b) => Math.abs(a - b) <= TOGETHER_US;
    const mate = groups.find(
      ({ kind, start, end, reason, spans: [first] }) =>
        kind === span.kind &&
        reason === span.reason &&
        near(start, span.start) &&
        near(end, span.end) &&
        (first.endRow < 0) === (span.endRow < 0),
    );
    if (mate) {
      mate.spans.push(span);
      mate.end = Math.max(mate.end, span.end);
    } else {
      groups.push({ kind: span.kind, start: span.start, end: span.end, reason: span.reason, spans: [span] });
    }
  }
  for (const each of groups) {
    each.sides = each.kind === "cut" ? sidesOf(each.spans, links, branches.length) : null;
    each.text = describe(each, branches);
  }
  return groups;
}

function describe(faults, branches) {
  const { kind, reason, spans } = faults;
  const lanes = [...new Set(spans.map((span) => span.lane))].sort((a, b) => a - b);
  const names = (list) => shortened(list.map((lane) => branches[lane]));
  const who = lanes.length === branches.length ? "all" : names(lanes);
  switch (kind) {
    case "cut":
      return cutText(faults, names);
    case "down":
      return `killed ${who}`;
    case "paused":
      return `paused ${who}`;
    case "slowed":
      return `slow ${who}${reason ? `: ${reason}` : ""}`;
    default:
      return `loss ${who}${reason ? `: ${reason}` : ""}`;
  }
}

function cutText({ spans, sides }, names) {
  if (!sides) return `cut ${spans.length === 1 ? names([spans[0].lane]) + " → " + names([spans[0].peer]) : `${spans.length} links`}`;
  const both = spans.some((a) => spans.some((b) => a.lane === b.peer && a.peer === b.lane));
  return `cut ${names(sides[0])} ${both ? "|" : "→"} ${names(sides[1])}`;
}

/** The two sides of a partition, the side that lost its voice first; null if there are no two, since the
 * links that are left lead around a cut. A side may be in pieces. */
function sidesOf(spans, links, count) {
  const cut = spans.map(({ lane, peer }) => [lane, peer]);
  const isCut = new Set(cut.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`]));
  const near = neighbours(links.filter(([a, b]) => !isCut.has(`${a} ${b}`)), count);
  const across = neighbours(cut, count);
  const side = new Int8Array(count).fill(-1);
  const open = [spans[0].lane];
  side[open[0]] = 0;
  while (open.length) {
    const from = open.pop();
    const same = near[from].map((to) => [to, side[from]]);
    const other = across[from].map((to) => [to, 1 - side[from]]);
    for (const [next, its] of [...same, ...other]) {
      if (side[next] === 1 - its) return null;
      if (side[next] >= 0) continue;
      side[next] = its;
      open.push(next);
    }
  }
  const of = (which) => Array.from(side.keys()).filter((lane) => side[lane] === which);
  return side.includes(-1) ? null : [of(0), of(1)];
}

function neighbours(pairs, count) {
  const lists = Array.from({ length: count }, () => []);
  for (const [a, b] of pairs) {
    lists[a].push(b);
    lists[b].push(a);
  }
  return lists;
}

/** "1 2 5–9", or "1 3 5 7 … (17)". */
function shortened(ids) {
  const runs = [];
  for (const id of ids) {
    const last = runs.at(-1);
    if (last && id === last[1] + 1) last[1] = id;
    else runs.push([id, id]);
  }
  const texts = runs.flatMap(([first, last]) => (last > first + 1 ? [`${first}–${last}`] : [...new Set([first, last])]));
  return texts.length <= 6 ? texts.join(" ") : `${texts.slice(0, 4).join(" ")} … (${ids.length})`;
}
