// Happens-before (Lamport 1978) over the rows of a trace: which chain of events led to a row, where an
// operation went from there, and everything that came before or after.

import { CHANGES } from "./trace.js";

const STEPS_MAX = 500;

/** The rows that led to a row, the first cause first, itself last. Follows one page from its arrival to
 * the message that brought it, to whoever sent that, back to the operation that wrote it. */
export function chain(model, row) {
  const steps = [row];
  let page = null;
  while (steps.length < STEPS_MAX) {
    page ??= pageOf(model, steps[0]);
    const cause = causeOf(model, steps[0], page);
    if (cause < 0) break;
    steps.unshift(cause);
  }
  return steps;
}

/** The page that a row is about: { origin, through }. A message is about the last one that it brought. */
function pageOf({ trace, messages }, row) {
  const event = trace.event(row);
  let about = CHANGES.has(event) || event === "sent" || event === "received" ? row : -1;
  if (about >= 0 && trace.number("sequence_through", row) === null) {
    const message = messages.ofRow[row];
    about = message < 0 ? -1 : (joinedBy({ trace, messages }, message).at(-1) ?? -1);
  }
  if (about < 0) return null;
  return { origin: trace.text("origin", about), through: trace.number("sequence_through", about) };
}

function causeOf(model, row, page) {
  const { trace, state, messages } = model;
  const message = messages.ofRow[row];
  switch (trace.event(row)) {
    case "joined":
      return message < 0 ? -1 : messages.received[message];
    case "received":
    case "lost":
    case "doubled":
      return message < 0 ? -1 : messages.sent[message];
    case "sent":
      return causeOfSent(model, row, page);
    case "query":
    case "refused":
      return state.lastChange(trace.lane[row], row);
    case "recovered":
      return lastOf(trace, row, (event) => event === "restarted");
    case "restarted":
      return lastOf(trace, row, (event) => event === "killed");
    default:
      return -1;
  }
}

function causeOfSent({ trace, state }, row, page) {
  const kind = trace.text("message", row);
  if (kind === "acknowledgement" || kind === "greeting") {
    const peer = trace.number("peer", row);
    const answers = kind === "greeting" ? ["link-up", "received"] : ["received"];
    return lastOf(trace, row, (event, at) => answers.includes(event) && trace.number("peer", at) === peer);
  }
  const lane = trace.lane[row];
  const gained = page ? state.gained(lane, row - 1, page.origin, page.through) : -1;
  return gained >= 0 ? gained : state.lastChange(lane, row - 1);
}

/** The rows at which the receiver joined what a message brought. */
function joinedBy({ trace, messages }, message) {
  const received = messages.received[message];
  if (received < 0) return [];
  const rows = [];
  const lane = messages.to[message];
  const time = trace.time[received];
  for (let row = received + 1; row < trace.length; row += 1) {
    if (trace.lane[row] === lane) {
      if (trace.event(row) === "joined" && messages.ofRow[row] === message) rows.push(row);
      else if (trace.time[row] > time) break;
    }
  }
  return rows;
}

function lastOf(trace, row, matches) {
  const lane = trace.lane[row];
  for (let at = row - 1; at >= 0; at -= 1) {
    if (trace.lane[at] === lane && matches(trace.event(at), at)) return at;
  }
  return -1;
}

/** Where the operations of a row went: for each other lane, the row at which it had them, or -1. */
export function spread({ trace, state }, row) {
  const origin = trace.text("origin", row);
  const through = trace.number("sequence_through", row);
  if (!CHANGES.has(trace.event(row)) || origin === null || through === null) return [];
  return trace.branches
    .map((_, lane) => ({ lane, row: state.reached(lane, origin, through) }))
    .filter(({ row: at }) => at !== row);
}

/** All that happened before a row: of each lane, the last row that did; -1: none. */
export function past({ trace, messages }, row) {
  const last = new Int32Array(trace.branches.length).fill(-1);
  last[trace.lane[row]] = row;
  // A message is sent before it is received, so one pass back sees every way.
  for (let at = row; at >= 0; at -= 1) {
    if (at > last[trace.lane[at]] || trace.event(at) !== "received") continue;
    const message = messages.ofRow[at];
    const sent = message < 0 ? -1 : messages.sent[message];
    if (sent >= 0) last[trace.lane[sent]] = Math.max(last[trace.lane[sent]], sent);
  }
  return last;
}

/** All that happened after a row: of each lane, the first row that did; the trace's length: none. */
export function future({ trace, messages }, row) {
  const first = new Int32Array(trace.branches.length).fill(trace.length);
  first[trace.lane[row]] = row;
  for (let at = row; at < trace.length; at += 1) {
    if (trace.event(at) !== "received") continue;
    const message = messages.ofRow[at];
    const sent = message < 0 ? -1 : messages.sent[message];
    if (sent >= 0 && sent >= first[trace.lane[sent]]) {
      first[trace.lane[at]] = Math.min(first[trace.lane[at]], at);
    }
  }
  return first;
}
