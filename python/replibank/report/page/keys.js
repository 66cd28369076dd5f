// The keyboard: everything that a pointer can do.

import { byId } from "./dom.js";

const STEP = 0.1;

export function listenToKeys(app) {
  const actions = keyActions(app);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    const focused = document.activeElement;
    if (event.key === "Escape") {
      focused?.blur();
      app.deselect();
      return;
    }
    if (focused && hasKey(focused, event.key)) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action(event.shiftKey ? 5 : 1);
  });
}

/** Whether a key means something to an element itself. */
function hasKey(element, key) {
  if (element.matches("input[type=range]")) return key.startsWith("Arrow");
  if (element.matches("button, input[type=checkbox]")) return key === " " || key === "Enter";
  return element.matches("input, select");
}

function keyActions(app) {
  const { view } = app;
  const moved = (move) => (times) => {
    move(times);
    app.moved();
  };
  const sideways = (direction) => moved((times) => view.pan(direction * times * STEP * view.plotWidth));
  const upwards = (direction) => moved((times) => view.pan(0, direction * times * view.laneHeight));
  const zoom = (factor) => moved(() => view.zoom(factor, zoomPlace(app)));
  return {
    ArrowLeft: sideways(-1),
    ArrowRight: sideways(1),
    ArrowUp: upwards(-1),
    ArrowDown: upwards(1),
    "+": zoom(0.6),
    "=": zoom(0.6),
    "-": zoom(1 / 0.6),
    _: zoom(1 / 0.6),
    0: moved(() => view.fit()),
    " ": () => app.play(!app.playing),
    n: () => app.step(1),
    p: () => app.step(-1),
    c: () => app.toCause(),
    b: () => app.toggleCone(),
    z: () => app.zoomToSelected(),
    h: () => {
      if (app.selected >= 0) app.setHidden(app.model.trace.lane[app.selected], true);
    },
    a: () => {
      if (app.hidden.size) app.toggleAll();
    },
    "/": () => byId("query").focus(),
    "?": () => byId("help").showModal(),
  };
}

/** Keys zoom around the instant if it can be seen, else around the middle. */
export function zoomPlace({ view, time }) {
  return time >= view.start && time <= view.end ? view.x(time) : undefined;
}
