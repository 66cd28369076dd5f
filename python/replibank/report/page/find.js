// What is under the pointer.

import { AXIS, FAULT_ROW, markRadius, messageLine } from "./diagram.js";
import { rowRange } from "./level.js";

const REACH = 7;

/** The row nearest to a place: an event's, or a message's; -1: nothing is near. */
export function findRow(app, x, y) {
  const { view } = app;
  if (x < view.margins.left || y < view.margins.top) return -1;
  const row = findMark(app, x, y);
  return row >= 0 ? row : findMessage(app, x, y);
}

/** The faults whose bar above the lanes is there, or null. */
export function findFaults({ view, packed }, x, y) {
  if (x < view.margins.left || y < AXIS || y >= view.margins.top) return null;
  const row = Math.floor((y - AXIS) / FAULT_ROW);
  const time = view.time(x);
  const reach = REACH * view.perPixel;
  const near = ({ group, row: at }) => at === row && group.start <= time + reach && time <= group.end + reach;
  return packed.findLast(near)?.group ?? null;
}

function findMark({ view, model, markOf, markShown }, x, y) {
  const { trace } = model;
  const lane = view.laneAt(y);
  const radius = markRadius(view);
  if (lane < 0 || Math.abs(view.y(lane) - y) > radius + 4) return -1;
  const [first, last] = rowRange(trace, lane, view.time(x - REACH), view.time(x + REACH));
  let best = -1;
  let bestScore = Infinity;
  for (let i = first; i < last; i += 1) {
    const row = trace.rowsOf[lane][i];
    const mark = markOf[trace.eventCodes[row]];
    if (mark >= 0 && !markShown[mark]) continue;
    // Of marks on one spot, the one on top is meant.
    const score = Math.abs(view.x(trace.time[row]) - x) - mark * 0.5;
    if (score <= bestScore) [best, bestScore] = [row, score];
  }
  return best;
}

function findMessage({ view, model, drawn }, x, y) {
  const { messages } = model;
  let best = -1;
  let bestDistance = REACH;
  for (const i of drawn.messages) {
    const distance = toSegment(x, y, messageLine(view, messages, i));
    if (distance < bestDistance) [best, bestDistance] = [i, distance];
  }
  if (best < 0) return -1;
  return [messages.received[best], messages.swallowed[best], messages.sent[best]].find((row) => row >= 0) ?? -1;
}

/** The distance of a point from a segment. */
export function toSegment(x, y, [x0, y0, x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = dx * dx + dy * dy;
  const share = length ? Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length)) : 0;
  return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
}
