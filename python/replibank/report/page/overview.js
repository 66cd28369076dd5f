// The small picture above the diagram: balances and how far they are apart, over the whole run, with the
// window that the diagram shows.

import { grouped } from "./format.js";
import { bounds, piecesOf } from "./series.js";
import { branchColour } from "./theme.js";

const SPLIT = 0.62;
const GAP = 6;
const PAD = 6;
/** Lines of balances are drawn for so many branches; of more, the range that they cover. */
const LINES_MAX = 60;

/** The part that stands still. */
export function drawSeries(context, app, width, height) {
  const { model, theme, account, steps, view } = app;
  const { trace, state } = model;
  const [left, right] = [view.margins.left, width - view.margins.right];
  const { least, most, widest } = bounds(steps);
  const upper = { top: PAD, bottom: height * SPLIT - GAP / 2 };
  const lower = { top: height * SPLIT + GAP / 2, bottom: height - PAD };
  const x = (time) => left + ((time - view.all.start) / (view.all.end - view.all.start)) * (right - left);
  const within = (area, low, high) => (value) =>
    area.bottom - ((value - low) / Math.max(1, high - low)) * (area.bottom - area.top);

  context.clearRect(0, 0, width, height);
  for (const { kind, start, end } of model.faults.groups) {
    // What befell all is a band, what befell some branches a line at the edge.
    const wide = kind === "partition" || kind === "loss";
    context.globalAlpha = wide ? 0.14 : 0.6;
    context.fillStyle = theme[kind];
    context.fillRect(x(start), 0, Math.max(1, x(end) - x(start)), wide ? height : 3);
  }
  context.globalAlpha = 1;
  const y = within(upper, least, most);
  area(context, steps, x, (i) => y(steps.most[i]), (i) => y(steps.least[i]), right, theme.muted, 0.18);
  const count = trace.branches.length;
  for (let lane = 0; lane < count && count <= LINES_MAX; lane += 1) {
    context.strokeStyle = branchColour(theme, lane, count);
    context.globalAlpha = count > 8 ? 0.35 : 0.9;
    for (const piece of piecesOf(trace, state, model.faults, account, lane)) line(context, piece, x, y);
  }
  const z = within(lower, 0, widest);
  area(context, steps, x, (i) => z(steps.most[i] - steps.least[i]), () => lower.bottom, right, theme.spread, 0.75);
  context.fillStyle = theme.line;
  context.fillRect(left, lower.bottom, right - left, 1);
  labels(context, theme, left, upper, "balance", grouped(most), grouped(least));
  labels(context, theme, left, lower, "spread", grouped(widest), null);
}

function labels(context, theme, left, { top, bottom }, name, high, low) {
  context.font = theme.small;
  context.fillStyle = theme.muted;
  context.textBaseline = "middle";
  context.textAlign = "left";
  if (left >= 90) context.fillText(name, 12, (top + bottom) / 2);
  context.textAlign = "right";
  context.fillText(high, left - 10, top + 5);
  if (low !== null) context.fillText(low, left - 10, bottom - 5);
}

/** Steps between two heights; what falls on one pixel is drawn once. */
function area(context, steps, x, high, low, right, colour, alpha) {
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  let column = -1;
  let top = Infinity;
  let bottom = -Infinity;
  const flush = (until) => {
    if (column >= 0) context.fillRect(column, top, Math.max(1, until - column), Math.max(0.75, bottom - top));
  };
  for (let i = 0; i < steps.time.length; i += 1) {
    const at = Math.floor(x(steps.time[i]));
    if (at !== column) {
      flush(at);
      column = at;
      [top, bottom] = [high(i), low(i)];
    } else {
      [top, bottom] = [Math.min(top, high(i)), Math.max(bottom, low(i))];
    }
  }
  flush(right);
  context.globalAlpha = 1;
}

function line(context, piece, x, y) {
  context.lineWidth = 1;
  context.beginPath();
  let [lastX, lastY] = [x(piece[0]), y(piece[1])];
  context.moveTo(lastX, lastY);
  for (let i = 2; i < piece.length; i += 2) {
    const [atX, atY] = [x(piece[i]), y(piece[i + 1])];
    if (Math.abs(atX - lastX) < 0.5 && Math.abs(atY - lastY) < 0.5) continue;
    context.lineTo(atX, lastY);
    context.lineTo(atX, atY);
    [lastX, lastY] = [atX, atY];
  }
  context.stroke();
}

/** The part that moves: the window, the instant, what was found. */
export function drawWindow(context, app, width, height) {
  const { view, theme, time, found, model, anomalies } = app;
  const [left, right] = [view.margins.left, width - view.margins.right];
  const x = (at) => left + ((at - view.all.start) / (view.all.end - view.all.start)) * (right - left);
  context.clearRect(0, 0, width, height);
  const [from, to] = [x(view.start), x(view.end)];
  context.globalAlpha = 0.62;
  context.fillStyle = theme.page;
  context.fillRect(left, 0, from - left, height);
  context.fillRect(to, 0, right - to, height);
  context.globalAlpha = 1;
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.strokeRect(Math.floor(from) + 0.5, 0.5, Math.max(2, to - from - 1), height - 1);
  context.fillStyle = theme.found;
  let last = -1;
  for (const row of found) {
    const at = Math.round(x(model.trace.time[row]));
    if (at !== last) context.fillRect(at, height - 5, 1, 5);
    last = at;
  }
  context.fillStyle = theme.lost;
  for (const { time_us: at } of anomalies) context.fillRect(x(at) - 1, 0, 2, 7);
  context.fillStyle = theme.cursor;
  context.fillRect(x(time) - 0.75, 0, 1.5, height);
}

/** The time at a place of the overview. */
export function overviewTime(app, px, width) {
  const { view } = app;
  const share = (px - view.margins.left) / (width - view.margins.right - view.margins.left);
  return view.all.start + Math.min(1, Math.max(0, share)) * (view.all.end - view.all.start);
}
