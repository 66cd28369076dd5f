// Mouse, touch and wheel.

import { byId } from "./dom.js";
import { AXIS } from "./diagram.js";
import { findFaults, findRow } from "./find.js";
import { duration, instant, sentence } from "./format.js";
import { overviewTime } from "./overview.js";

/** A press that moves less is a click. */
const CLICK = 4;
const ZOOM_PER_PIXEL = 1.0016;

export function listenToPointer(app) {
  onDiagram(app, byId("diagram"));
  onOverview(app, byId("overview"));
}

function onDiagram(app, place) {
  const { view } = app;
  const pressed = new Map();
  let travelled = 0;
  let scrubbing = false;

  place.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    place.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, at(place, event));
    travelled = 0;
    const [x, y] = at(place, event);
    scrubbing = y < AXIS && x >= view.margins.left;
    if (scrubbing) app.setTime(view.time(x));
    hideTip(app);
  });
  place.addEventListener("pointermove", (event) => {
    const [x, y] = at(place, event);
    if (!pressed.has(event.pointerId)) {
      showTip(app, place, x, y);
      return;
    }
    const [oldX, oldY] = pressed.get(event.pointerId);
    if (pressed.size === 2) pinch(app, pressed, event.pointerId, [x, y]);
    pressed.set(event.pointerId, [x, y]);
    travelled += Math.abs(x - oldX) + Math.abs(y - oldY);
    if (scrubbing) app.setTime(view.time(x));
    else if (travelled >= CLICK && pressed.size === 1) {
      place.classList.add("moving");
      view.pan(oldX - x, oldY - y);
      app.moved();
    }
  });
  const release = (event) => {
    if (!pressed.delete(event.pointerId)) return;
    place.classList.remove("moving");
    if (event.type === "pointerup" && travelled < CLICK && !scrubbing) click(app, ...at(place, event));
  };
  place.addEventListener("pointerup", release);
  place.addEventListener("pointercancel", release);
  place.addEventListener("pointerleave", () => {
    hideTip(app);
    app.setHover(-1);
  });
  place.addEventListener("dblclick", (event) => {
    view.zoom(0.4, at(place, event)[0]);
    app.moved();
  });
  place.addEventListener("wheel", (event) => wheel(app, place, event), { passive: false });
}

function click(app, x, y) {
  const span = findFaults(app, x, y)?.spans[0];
  const row = span ? (span.row < 0 ? span.endRow : span.row) : findRow(app, x, y);
  if (row >= 0) app.select(row);
  else if (x >= app.view.margins.left) {
    app.deselect();
    app.setTime(app.view.time(x));
  }
}

function wheel(app, place, event) {
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 16 : 1;
  const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
  // Over the names, the wheel goes through the branches.
  if (at(place, event)[0] < app.view.margins.left) app.view.pan(0, dy);
  else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) app.view.pan(event.shiftKey && !dx ? dy : dx);
  else app.view.zoom(ZOOM_PER_PIXEL ** dy, at(place, event)[0]);
  app.moved();
}

function pinch(app, pressed, moved, [x, y]) {
  const other = [...pressed].find(([id]) => id !== moved)[1];
  const [oldX] = pressed.get(moved);
  const before = Math.abs(oldX - other[0]);
  const after = Math.abs(x - other[0]);
  if (before < 8 || after < 8) return;
  app.view.zoom(before / after, (x + other[0]) / 2);
  app.moved();
}

function showTip(app, place, x, y) {
  const faults = findFaults(app, x, y);
  const row = faults ? -1 : findRow(app, x, y);
  app.setHover(row);
  const tip = byId("tip");
  tip.hidden = row < 0 && !faults;
  if (tip.hidden) return;
  const { trace } = app.model;
  tip.textContent = faults
    ? `${faults.text} · from ${instant(faults.start)} for ${duration(faults.end - faults.start)}`
    : `branch ${trace.number("branch", row)} ${sentence(trace, row)} · ${instant(trace.time[row])}`;
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(0, Math.min(x + 14, place.clientWidth - width - 4))}px`;
  tip.style.top = `${y + 18 + height > place.clientHeight ? y - height - 10 : y + 18}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

function onOverview(app, place) {
  const { view } = app;
  let dragging = false;
  const centre = (event) => {
    const time = overviewTime(app, at(place, event)[0], place.clientWidth);
    const half = (view.end - view.start) / 2;
    if (view.end - view.start >= (view.all.end - view.all.start) * 0.999) app.setTime(time);
    else view.window(time - half, time + half);
    app.moved();
  };
  place.addEventListener("pointerdown", (event) => {
    dragging = true;
    place.setPointerCapture(event.pointerId);
    centre(event);
  });
  place.addEventListener("pointermove", (event) => {
    if (dragging) centre(event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    place.addEventListener(end, () => {
      dragging = false;
    });
  }
  place.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const x = view.x(overviewTime(app, at(place, event)[0], place.clientWidth));
      view.zoom(ZOOM_PER_PIXEL ** event.deltaY, x);
      app.moved();
    },
    { passive: false },
  );
}

function at(place, event) {
  const box = place.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}
