// Draws what moves over the diagram: names and balances, the instant, messages under way, what was
// found, and the selected event with its causes.

import { grouped, instant } from "./format.js";
import { markRadius, messageLine } from "./diagram.js";
import { headPath } from "./marks.js";
import { branchColour } from "./theme.js";

const FOUND_MAX = 4000;

export function drawOverlay(context, app) {
  const { view } = app;
  context.clearRect(0, 0, view.width, view.height);
  drawNames(context, app);
  context.save();
  context.beginPath();
  context.rect(view.margins.left, 0, view.plotWidth, view.height);
  context.clip();
  if (app.cone) drawCone(context, app);
  drawFound(context, app);
  if (app.highlight) drawHighlight(context, app);
  drawFlying(context, app);
  if (app.hover >= 0) ring(context, app, app.hover, app.theme.muted, 2);
  context.restore();
  drawCursor(context, app);
  drawScroll(context, app);
}

/** Where the lanes that are seen lie among all, if there are more. */
function drawScroll(context, { view, theme }) {
  const { from, share } = view.seenLanes;
  if (share >= 1) return;
  context.globalAlpha = 0.6;
  context.fillStyle = theme.muted;
  context.beginPath();
  const top = view.margins.top + from * view.plotHeight;
  context.roundRect(view.width - view.margins.right + 4, top, 5, Math.max(12, share * view.plotHeight), 2.5);
  context.fill();
  context.globalAlpha = 1;
}

function drawNames(context, { view, theme, states, model, selected, badge }) {
  const count = model.trace.branches.length;
  const font = view.laneHeight < 12 ? theme.tiny : view.laneHeight < 18 ? theme.small : theme.font;
  context.textBaseline = "middle";
  for (const lane of view.lanes) {
    const y = view.y(lane);
    if (y < view.margins.top - 2 || y > view.height) continue;
    const { branch, balance, trouble, behind } = states[lane];
    const mine = selected >= 0 && model.trace.lane[selected] === lane;
    context.globalAlpha = trouble === "killed" ? 0.5 : 1;
    if (count <= 8) {
      context.fillStyle = branchColour(theme, lane, count);
      context.fillRect(0, y - Math.min(9, view.laneHeight * 0.3), 4, Math.min(18, view.laneHeight * 0.6));
    }
    context.font = `${mine ? "600 " : ""}${font}`;
    context.textAlign = "left";
    context.fillStyle = theme.text;
    context.fillText(view.margins.left < 110 ? `${branch}` : `branch ${branch}`, 12, y);
    context.textAlign = "right";
    context.font = font;
    context.fillStyle = behind > 0 ? theme.spread : theme.muted;
    context.fillText(trouble === "killed" ? "down" : grouped(balance), view.margins.left - 10, y);
    context.globalAlpha = 1;
  }
  if (!badge) return;
  context.font = theme.small;
  context.textAlign = "right";
  const width = context.measureText(badge).width + 16;
  const [x, y] = [view.width - view.margins.right - 6, view.height - view.margins.bottom - 16];
  context.globalAlpha = 0.92;
  context.fillStyle = theme.panel;
  context.fillRect(x - width, y - 10, width, 20);
  context.globalAlpha = 1;
  context.fillStyle = theme.muted;
  context.fillText(badge, x - 8, y);
}

function drawFlying(context, { view, theme, time, model, messageShown }) {
  const { messages } = model;
  context.lineWidth = 2;
  context.strokeStyle = theme.cursor;
  context.fillStyle = theme.cursor;
  const flying = messages.inFlight(time).filter(messageShown);
  context.globalAlpha = Math.max(0.35, Math.min(1, 60 / flying.length));
  for (const i of flying) {
    const [x0, y0, x1, y1] = messageLine(view, messages, i);
    const share = Math.min(1, (view.x(time) - x0) / Math.max(1e-9, view.x(messages.end[i]) - x0));
    const [x, y] = [view.x(time), y0 + (view.y(messages.to[i]) - y0) * share];
    const past = (x - x1) * (x1 - x0) > 0;
    if (past) continue;
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x, y);
    context.stroke();
    context.beginPath();
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawCursor(context, { view, theme, time }) {
  const x = view.x(time);
  if (x < view.margins.left - 1 || x > view.width - view.margins.right + 1) return;
  context.strokeStyle = theme.cursor;
  context.fillStyle = theme.cursor;
  context.lineWidth = 1.25;
  context.beginPath();
  context.moveTo(x, 18);
  context.lineTo(x, view.height - view.margins.bottom);
  context.stroke();
  const text = instant(time);
  context.font = theme.small;
  const width = context.measureText(text).width + 12;
  const left = Math.max(view.margins.left, Math.min(x - width / 2, view.width - width));
  context.beginPath();
  context.roundRect(left, 1, width, 18, 4);
  context.fill();
  context.fillStyle = theme.page;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + width / 2, 10.5);
}

function drawFound(context, { view, theme, found, model }) {
  if (!found.length) return;
  const { trace } = model;
  context.strokeStyle = theme.found;
  context.lineWidth = 2;
  const radius = markRadius(view) + 3;
  context.beginPath();
  let drawn = 0;
  let last = "";
  for (const row of found) {
    const time = trace.time[row];
    if (time < view.start || time > view.end) continue;
    const [x, y] = [view.x(time), view.y(trace.lane[row])];
    // Several on one spot need one ring.
    const spot = `${Math.round(x / 2)} ${y}`;
    if (Number.isNaN(y) || spot === last) continue;
    last = spot;
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
    drawn += 1;
    if (drawn > FOUND_MAX) break;
  }
  context.stroke();
}

/** Dims what neither led to the selected event nor followed from it. */
function drawCone(context, { view, theme, cone, model }) {
  const { trace } = model;
  context.globalAlpha = 0.72;
  context.fillStyle = theme.page;
  for (const lane of view.lanes) {
    const [before, after] = [cone.past[lane], cone.future[lane]];
    const left = before < 0 ? view.margins.left : view.x(trace.time[before]) + 1;
    const right = after >= trace.length ? view.width : view.x(trace.time[after]) - 1;
    const top = view.y(lane) - view.laneHeight / 2;
    if (right > left) context.fillRect(left, top, right - left, view.laneHeight);
  }
  context.globalAlpha = 1;
}

function drawHighlight(context, app) {
  const { view, theme, highlight, model, selected } = app;
  const { trace, messages } = model;
  context.lineCap = "round";
  const stroke = (list, colour, width) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const [x0, y0, x1, y1] of list) {
      if (Number.isNaN(y0) || Number.isNaN(y1)) continue;
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.stroke();
  };
  const lines = (list) => list.map((i) => messageLine(view, messages, i));
  const waits = highlight.waits.map(({ lane, from, to }) => [view.x(from), view.y(lane), view.x(to), view.y(lane)]);
  // A halo of the page's colour lifts it from what lies below.
  stroke(lines([...highlight.spread, ...highlight.chain]), theme.page, 5);
  stroke(lines(highlight.spread), theme.joined, 1.8);
  stroke(waits, theme.accent, 4);
  stroke(lines(highlight.chain), theme.accent, 2.6);
  for (const [list, colour, size] of [
    [highlight.spread, theme.joined, 8],
    [highlight.chain, theme.accent, 10],
  ]) {
    context.fillStyle = colour;
    context.beginPath();
    for (const i of list) if (messages.fate[i] !== 1) headPath(context, ...messageLine(view, messages, i), size);
    context.fill();
  }
  for (const row of highlight.rows) dot(context, app, row, theme.accent);
  for (const row of highlight.reached) dot(context, app, row, theme.joined);
  if (selected >= 0) {
    dot(context, app, selected, theme.accent);
    ring(context, app, selected, theme.accent, 2.5);
  }
  context.lineCap = "butt";

  function dot(context, app, row, colour) {
    const y = view.y(trace.lane[row]);
    if (Number.isNaN(y)) return;
    context.fillStyle = colour;
    context.beginPath();
    context.arc(view.x(trace.time[row]), y, 3.5, 0, 2 * Math.PI);
    context.fill();
  }
}

function ring(context, { view, model }, row, colour, width) {
  const y = view.y(model.trace.lane[row]);
  if (Number.isNaN(y)) return;
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.arc(view.x(model.trace.time[row]), y, markRadius(view) + 4, 0, 2 * Math.PI);
  context.stroke();
}
