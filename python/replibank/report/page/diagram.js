// Draws the diagram that stands still: lanes, faults, messages, marks. What moves is in overlay.js.

import { tickText, ticks } from "./format.js";
import { countBins, rowRange, thinMessages } from "./level.js";
import { crossPath, drawMarks, headPath, MARKS } from "./marks.js";
import { LOST, OPEN } from "./messages.js";
import { branchColour } from "./theme.js";

const MESSAGES_MAX = 2000;
const HEADS_MAX = 1200;
/** Marks are drawn one by one up to so many in a window, the most telling kinds first. */
const MARKS_MAX = 2500;
/** So many operations; of more, bars say how many there were. */
const OPERATIONS_MAX = 1500;
const BAR_WIDTH = 3;
const OPERATIONS = ["deposit", "withdraw", "query", "refused"];
/** Kinds of bars, from the lane outward, and whether they go up. */
const BARS = [
  ["deposit", true],
  ["query", true],
  ["withdraw", false],
  ["refused", false],
];
export const AXIS = 22;
export const FAULT_ROW = 17;

/** What is drawn is returned, for the pointer to find: { messages, thinned }. */
export function drawDiagram(context, app) {
  const { view, theme } = app;
  context.clearRect(0, 0, view.width, view.height);
  drawAxis(context, app);
  context.save();
  context.beginPath();
  context.rect(view.margins.left, view.margins.top, view.plotWidth, view.plotHeight);
  context.clip();
  drawSpans(context, app);
  drawLanes(context, app);
  const drawn = drawMessages(context, app);
  Object.assign(drawn, drawEvents(context, app));
  context.restore();
  drawFaultStrip(context, app);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.strokeRect(view.margins.left - 0.5, view.margins.top - 0.5, view.plotWidth + 1, view.plotHeight + 1);
  return drawn;
}

function drawAxis(context, { view, theme }) {
  const { places, step } = ticks(view.start, view.end, view.plotWidth / 110);
  context.font = theme.small;
  context.fillStyle = theme.muted;
  context.strokeStyle = theme.faint;
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.lineWidth = 1;
  context.beginPath();
  for (const time of places) {
    const x = Math.round(view.x(time)) + 0.5;
    if (x < view.margins.left - 1 || x > view.width - view.margins.right + 1) continue;
    context.moveTo(x, AXIS - 4);
    context.lineTo(x, view.height - view.margins.bottom);
    const text = tickText(time, step, view.end);
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(x, view.margins.left + half), view.width - half - 2), AXIS / 2);
  }
  context.stroke();
  context.textAlign = "left";
  context.fillText("time", 12, AXIS / 2);
}

/** Rows for groups of faults, so that those of one row do not overlap; `next`: when the next one begins
 * in its row. Computed once. */
export function packFaults(groups, rowsMax) {
  const last = [];
  return groups.map((group) => {
    let row = last.findIndex((before) => before.group.end <= group.start);
    if (row < 0) row = Math.min(last.length, rowsMax - 1);
    const packed = { group, row, next: Infinity };
    if (last[row]) last[row].next = group.start;
    last[row] = packed;
    return packed;
  });
}

function drawFaultStrip(context, { view, theme, packed }) {
  context.save();
  context.beginPath();
  context.rect(view.margins.left, AXIS, view.plotWidth, view.margins.top - AXIS);
  context.clip();
  context.font = theme.small;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const { group, row, next } of packed) {
    const [left, right] = [Math.max(view.x(group.start), view.margins.left), view.x(group.end)];
    if (right < view.margins.left || left > view.width) continue;
    const top = AXIS + row * FAULT_ROW;
    const width = Math.max(2, right - left - 1);
    context.globalAlpha = 0.22;
    context.fillStyle = theme[group.kind];
    context.fillRect(left, top, width, FAULT_ROW - 3);
    context.globalAlpha = 1;
    context.fillRect(left, top, Math.min(2, width), FAULT_ROW - 3);
    // A text may go on behind its fault, as far as there is no other.
    const text = fitText(context, group.text, Math.min(view.x(next), view.width) - left - 10);
    context.fillStyle = theme.text;
    if (text) context.fillText(text, left + 6, top + (FAULT_ROW - 3) / 2 + 0.5);
  }
  context.restore();
  if (packed.length) {
    context.font = theme.small;
    context.fillStyle = theme.muted;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText("faults", 12, AXIS + (FAULT_ROW - 3) / 2 + 0.5);
  }
}

function fitText(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  for (let length = text.length - 1; length > 2; length -= 1) {
    const short = `${text.slice(0, length).trimEnd()}…`;
    if (context.measureText(short).width <= width) return short;
  }
  return "";
}

/** Shades of faults behind the lanes. The sides of a partition have two shades, by turns. */
function drawSpans(context, { view, theme, model }) {
  for (const { kind, start, end, lanes, sides } of model.faults.groups) {
    const [left, right] = [view.x(start), view.x(end)];
    if (right < view.margins.left || left > view.width) continue;
    const far = new Set(sides.filter((_, place) => place % 2).flat());
    for (const lane of sides.length ? sides.flat() : lanes) {
      if (!view.isShown(lane)) continue;
      const [top, height] = [view.y(lane) - view.laneHeight / 2, view.laneHeight];
      context.globalAlpha = 0.15;
      context.fillStyle = far.has(lane) ? theme["partition-2"] : theme[kind];
      context.fillRect(left, top, Math.max(1, right - left), height);
      if (kind === "killed") hatch(context, theme, left, top, right - left, height, view);
    }
    if (kind !== "partition" && kind !== "loss") continue;
    context.globalAlpha = 0.7;
    context.strokeStyle = theme[kind];
    context.setLineDash([3, 3]);
    context.beginPath();
    for (const x of [left, right]) {
      context.moveTo(x, view.margins.top);
      context.lineTo(x, view.height - view.margins.bottom);
    }
    context.stroke();
    context.setLineDash([]);
  }
  context.globalAlpha = 1;
}

function hatch(context, theme, x, y, width, height, view) {
  context.save();
  context.beginPath();
  const left = Math.max(x, view.margins.left);
  const right = Math.min(x + width, view.width);
  context.rect(left, y, right - left, height);
  context.clip();
  context.beginPath();
  const offset = left - ((left - x) % 7);
  for (let at = offset - height; at < right; at += 7) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.globalAlpha = 0.35;
  context.strokeStyle = theme.killed;
  context.lineWidth = 1;
  context.stroke();
  context.restore();
}

function drawLanes(context, { view, theme, model }) {
  const count = model.trace.branches.length;
  for (const lane of view.lanes) {
    const y = view.y(lane);
    if (y < view.margins.top - view.laneHeight || y > view.height + view.laneHeight) continue;
    context.strokeStyle = branchColour(theme, lane, count);
    context.globalAlpha = count <= 8 ? 0.75 : 0.55;
    context.lineWidth = view.laneHeight > 24 ? 1.5 : 1;
    context.beginPath();
    let from = view.margins.left;
    // A branch that is down has no line.
    for (const { kind, start, end } of model.faults.ofLane[lane]) {
      if (kind !== "killed") continue;
      context.moveTo(Math.max(from, view.margins.left), y);
      context.lineTo(Math.max(from, view.x(start)), y);
      from = Math.max(from, view.x(end));
    }
    context.moveTo(from, y);
    context.lineTo(Math.max(from, view.width - view.margins.right), y);
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawMessages(context, { view, theme, model, messageShown }) {
  const { messages } = model;
  const window = { start: view.time(view.margins.left - 20), end: view.time(view.width) };
  const top = view.margins.top - 4;
  const bottom = view.height + 4;
  const seen = (i) => {
    if (!messageShown(i)) return false;
    const [a, b] = [view.y(messages.from[i]), view.y(messages.to[i])];
    return !(a < top && b < top) && !(a > bottom && b > bottom);
  };
  const lost = (i) => messages.fate[i] === LOST;
  const { indices, total } = thinMessages(messages, window, MESSAGES_MAX, seen, lost);
  const crowded = Math.min(1, Math.sqrt(500 / Math.max(1, indices.length)));
  const buckets = new Map();
  for (const i of indices) {
    const style = styleOf(messages, i);
    if (!buckets.has(style)) buckets.set(style, []);
    buckets.get(style).push(i);
  }
  for (const style of ["acknowledgement", "message", "lost"]) {
    const all = buckets.get(style) ?? [];
    if (!all.length) continue;
    const quiet = style === "acknowledgement" ? 0.55 : style === "lost" ? 1 : 0.9;
    context.globalAlpha = Math.max(0.16, quiet * crowded);
    drawLines(context, view, messages, all, theme[style], style === "acknowledgement" ? 0.8 : 1.1);
    if (indices.length <= HEADS_MAX) drawHeads(context, view, messages, all, theme[style], style);
    if (style === "lost") drawCrosses(context, view, messages, all, theme.lost, indices.length > HEADS_MAX ? 2 : 4);
  }
  context.globalAlpha = 1;
  return { messages: indices, total };
}

function styleOf(messages, i) {
  if (messages.fate[i] === LOST) return "lost";
  const kind = messages.kinds[messages.kind[i]];
  return kind === "acknowledgement" || kind === "greeting" ? "acknowledgement" : "message";
}

/** Where a message's line ends: a lost one's between the two lanes. */
export function messageLine(view, messages, i) {
  const [x0, y0] = [view.x(messages.start[i]), view.y(messages.from[i])];
  let [x1, y1] = [view.x(messages.end[i]), view.y(messages.to[i])];
  if (messages.fate[i] !== 0) {
    const share = messages.fate[i] === OPEN ? 0.8 : 0.55;
    [x1, y1] = [x0 + (x1 - x0) * share, y0 + (y1 - y0) * share];
  }
  return [x0, y0, x1, y1];
}

function drawLines(context, view, messages, indices, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  for (const i of indices) {
    const [x0, y0, x1, y1] = messageLine(view, messages, i);
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.stroke();
}

function drawHeads(context, view, messages, indices, colour, style) {
  context.fillStyle = colour;
  context.beginPath();
  for (const i of indices) {
    if (messages.fate[i] === LOST) continue;
    headPath(context, ...messageLine(view, messages, i), style === "message" ? 7 : 5);
  }
  context.fill();
}

function drawCrosses(context, view, messages, indices, colour, radius) {
  context.strokeStyle = colour;
  context.lineWidth = radius > 3 ? 1.5 : 1;
  context.beginPath();
  for (const i of indices) {
    const [, , x, y] = messageLine(view, messages, i);
    crossPath(context, x, y, radius);
  }
  context.stroke();
}

export function markRadius(view) {
  return Math.min(6, Math.max(3, view.laneHeight * 0.2));
}

/** Draws marks, or where these are too many, bars. Returns whether kinds of marks were left out. */
function drawEvents(context, app) {
  const { view, model, theme, markOf, markShown } = app;
  const { trace } = model;
  const rowsOfMark = MARKS.map(() => []);
  const start = view.time(view.margins.left);
  for (const lane of view.lanes) {
    if (view.y(lane) < view.margins.top - 20 || view.y(lane) > view.height + 20) continue;
    const [first, last] = rowRange(trace, lane, start, view.end);
    for (let i = first; i < last; i += 1) {
      const row = trace.rowsOf[lane][i];
      const mark = markOf[trace.eventCodes[row]];
      if (mark >= 0 && markShown[mark]) rowsOfMark[mark].push(row);
    }
  }
  const operations = MARKS.map(({ kind }, mark) => (OPERATIONS.includes(kind) ? rowsOfMark[mark].length : 0));
  const barred = operations.reduce((a, b) => a + b) > OPERATIONS_MAX;
  if (barred) drawBars(context, app, rowsOfMark);
  // The kinds on top are the last ones: they have room first.
  let room = MARKS_MAX;
  const fits = MARKS.map(() => false);
  for (let mark = MARKS.length - 1; mark >= 0; mark -= 1) {
    if (barred && OPERATIONS.includes(MARKS[mark].kind)) continue;
    room -= rowsOfMark[mark].length;
    fits[mark] = room >= 0;
  }
  const drawn = rowsOfMark.reduce((sum, rows, mark) => sum + (fits[mark] ? rows.length : 0), 0);
  const spacing = (view.plotWidth * view.lanes.length) / Math.max(1, drawn);
  const radius = Math.min(markRadius(view), Math.max(3, 0.4 * spacing));
  MARKS.forEach(({ kind }, mark) => {
    if (!fits[mark]) return;
    const places = rowsOfMark[mark].flatMap((row) => [view.x(trace.time[row]), view.y(trace.lane[row])]);
    drawMarks(context, theme, kind, places, radius);
  });
  return { barred, omitted: fits.some((fit, mark) => !fit && rowsOfMark[mark].length > 0) };
}

/** How many operations each few pixels: deposits and queries up, withdrawals and refusals down. */
function drawBars(context, { view, model, theme }, rowsOfMark) {
  const bins = Math.ceil(view.plotWidth / BAR_WIDTH);
  const sides = new Map();
  const bars = BARS.map(([kind, up]) => {
    const rows = rowsOfMark[MARKS.findIndex((mark) => mark.kind === kind)];
    const counts = countBins(model.trace, rows, view.start, view.end, bins);
    const stacked = [...counts].map(([key, count]) => {
      const side = up ? key : -1 - key;
      const below = sides.get(side) ?? 0;
      sides.set(side, below + count);
      return { key, below, above: below + count };
    });
    return { kind, up, stacked };
  });
  const largest = [...sides.values()].reduce((a, b) => Math.max(a, b), 1);
  // Logarithms, so that one can be seen and a thousand fit.
  const unit = Math.min(6, (view.laneHeight * 0.44) / Math.log2(1 + largest));
  const height = (count) => unit * Math.log2(1 + count);
  for (const { kind, up, stacked } of bars) {
    context.fillStyle = theme[kind];
    for (const { key, below, above } of stacked) {
      const x = view.margins.left + (key % bins) * BAR_WIDTH;
      const y = view.y(Math.floor(key / bins));
      const [from, to] = [height(below), height(above)];
      context.fillRect(x, up ? y - to : y + from, BAR_WIDTH - 0.5, to - from);
    }
  }
}
