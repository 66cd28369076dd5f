// Messages between branches: what was sent, paired with what was received, or with what swallowed it.

import { upperBound } from "./trace.js";

export const RECEIVED = 0;
export const LOST = 1;
/** Still under way when the trace ended. */
export const OPEN = 2;

/** Time that a message takes where only one of its ends is known, if no message has both. */
const TYPICAL_US = 1000;

/** All messages, in the order in which they were sent. `sent`, `received` and `swallowed` are rows, or -1. */
export class Messages {
  constructor(trace) {
    const drafts = gather(trace);
    const spans = drafts.filter(whole).map((draft) => draft.end - draft.start);
    const typical = median(spans) ?? TYPICAL_US;
    const longest = spans.reduce((a, b) => Math.max(a, b), typical);
    for (const draft of drafts) complete(draft, trace, typical, longest);
    drafts.sort((a, b) => a.start - b.start);

    this.count = drafts.length;
    for (const name of ["sent", "received", "swallowed", "from", "to", "fate"]) {
      this[name] = Int32Array.from(drafts, (draft) => draft[name]);
    }
    this.start = Float64Array.from(drafts, (draft) => draft.start);
    this.end = Float64Array.from(drafts, (draft) => draft.end);
    this.kinds = [...new Set(drafts.map((draft) => draft.kind))];
    this.kind = Int32Array.from(drafts, (draft) => this.kinds.indexOf(draft.kind));
    // Of each message and all before it: so that those that reach into a window are found.
    this.latestEnd = new Float64Array(this.count);
    let latest = -Infinity;
    for (let i = 0; i < this.count; i += 1) {
      latest = Math.max(latest, this.end[i]);
      this.latestEnd[i] = latest;
    }
    this.ofRow = this.#ofRow(trace, drafts);
  }

  /** The first and the last (exclusive) that can reach into a window of time. */
  range(start, end) {
    return [upperBound(this.latestEnd, start - 1e-9), upperBound(this.start, end)];
  }

  /** Those under way at a time. */
  inFlight(time) {
    const found = [];
    const [first, last] = this.range(time, time);
    for (let i = first; i < last; i += 1) {
      if (this.end[i] > time && this.sent[i] >= 0) found.push(i);
    }
    return found;
  }

  /** Of each row, the message that it is about, or -1. */
  #ofRow(trace, drafts) {
    const ofRow = new Int32Array(trace.length).fill(-1);
    const byReceiver = new Map();
    drafts.forEach((draft, i) => {
      for (const row of [draft.swallowed, draft.sent, draft.received]) if (row >= 0) ofRow[row] = i;
      byReceiver.set(`${draft.id} ${draft.to}`, i);
    });
    for (let row = 0; row < trace.length; row += 1) {
      const id = ofRow[row] < 0 ? trace.key("message_id", row) : null;
      if (id !== null) ofRow[row] = byReceiver.get(`${id} ${trace.lane[row]}`) ?? -1;
    }
    return ofRow;
  }
}

function gather(trace) {
  const drafts = [];
  const byId = new Map();
  for (let row = 0; row < trace.length; row += 1) {
    const event = trace.event(row);
    if (event !== "sent" && event !== "received" && event !== "lost") continue;
    const id = trace.key("message_id", row);
    const known = id === null ? undefined : byId.get(id);
    if (event === "sent") {
      const draft = blank(trace, row, id, trace.lane[row], trace.peerLane(row));
      draft.sent = row;
      draft.start = trace.time[row];
      drafts.push(draft);
      if (id !== null) byId.set(id, draft);
    } else if (event === "lost") {
      if (known) known.swallowed = row;
    } else {
      let draft = known;
      if (!draft || draft.received >= 0) {
        // A second copy, or one whose beginning the trace does not have.
        draft = blank(trace, row, id, trace.peerLane(row), trace.lane[row]);
        if (known) Object.assign(draft, { sent: known.sent, start: known.start });
        drafts.push(draft);
        if (id !== null && !known) byId.set(id, draft);
      }
      draft.received = row;
      draft.end = trace.time[row];
    }
  }
  return drafts.filter((draft) => draft.from >= 0 && draft.to >= 0);
}

function blank(trace, row, id, from, to) {
  const kind = trace.text("message", row) ?? "update";
  return { id, from, to, kind, sent: -1, received: -1, swallowed: -1, start: NaN, end: NaN, fate: RECEIVED };
}

function whole(draft) {
  return draft.sent >= 0 && draft.received >= 0;
}

/** What never arrived was lost, unless it may still have been under way. */
function complete(draft, trace, typical, longest) {
  if (draft.sent < 0) draft.start = draft.end - typical;
  if (draft.received >= 0) return;
  if (draft.swallowed < 0 && trace.end - draft.start <= longest) {
    draft.fate = OPEN;
    draft.end = Math.max(draft.start + typical, trace.end);
  } else {
    draft.fate = LOST;
    draft.end = Math.max(draft.start + typical, draft.swallowed < 0 ? 0 : trace.time[draft.swallowed]);
  }
}

function median(values) {
  if (!values.length) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1];
}
