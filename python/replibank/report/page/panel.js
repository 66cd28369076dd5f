// The rest of the panel: every branch at the instant, messages under way, the verdict, the legend.

import { byId, make, setText } from "./dom.js";
import { grouped, instant, plural, versionText } from "./format.js";
import { drawMarks, crossPath, headPath, MARKS } from "./marks.js";
import { branchColour } from "./theme.js";

const FLIGHT_MAX = 12;
const SWATCHES_MAX = 8;

/** The table of branches: made once, and updated as the instant moves. A branch's name opens its version. */
export class BranchTable {
  constructor(app, body) {
    this.app = app;
    this.opened = new Set();
    const { branches } = app.model.trace;
    this.rows = branches.map((branch, lane) => this.#makeRow(branch, lane, branches.length, body));
    this.recolour();
  }

  #makeRow(branch, lane, count, body) {
    const { app } = this;
    const shown = make("input", { type: "checkbox", checked: true, "aria-label": `show branch ${branch}` });
    shown.addEventListener("change", () => app.setHidden(lane, !shown.checked));
    const swatch = make("span", { class: "swatch", hidden: count > SWATCHES_MAX });
    const name = make(
      "button",
      { type: "button", class: "name", title: "Show its version", "aria-expanded": "false" },
      swatch,
      String(branch),
    );
    name.addEventListener("click", () => this.#toggle(lane));
    const cells = ["number", "number", "number late"].map((kind) => make("td", { class: kind }));
    const row = make("tr", {}, make("td", {}, shown), make("td", {}, name), ...cells);
    row.dataset.branch = branch;
    const version = make("td", { colSpan: 4 });
    const below = make("tr", { class: "version", hidden: true }, make("td"), version);
    body.append(row, below);
    return { row, shown, cells, swatch, name, version, below };
  }

  #toggle(lane) {
    const open = !this.opened.delete(lane);
    if (open) this.opened.add(lane);
    const { name, below } = this.rows[lane];
    name.setAttribute("aria-expanded", String(open));
    below.hidden = !open;
    this.update();
  }

  recolour() {
    this.rows.forEach(({ swatch }, lane) => {
      swatch.style.background = branchColour(this.app.theme, lane, this.rows.length);
    });
  }

  update() {
    const { states, model, hidden, selected, position } = this.app;
    const mine = selected < 0 ? -1 : model.trace.lane[selected];
    this.rows.forEach(({ row, shown, cells }, lane) => {
      const { balance, known, behind, trouble } = states[lane];
      const down = trouble === "killed";
      setText(cells[0], down ? "down" : grouped(balance));
      setText(cells[1], down ? "" : grouped(known));
      setText(cells[2], down ? "" : `${grouped(behind)}${trouble === "paused" ? " (paused)" : ""}`);
      row.classList.toggle("behind", behind > 0);
      row.classList.toggle("hidden", hidden.has(lane));
      row.classList.toggle("selected", lane === mine);
      shown.checked = !hidden.has(lane);
    });
    for (const lane of this.opened) setText(this.rows[lane].version, versionText(model.state.version(lane, position)));
  }
}

/** Messages under way at the instant. */
export function showFlight(app) {
  const { model, time, messageShown } = app;
  const { messages, trace } = model;
  const flying = messages.inFlight(time).filter(messageShown);
  setText(byId("flight-count"), `${plural(flying.length, "message")}`);
  const items = flying.slice(0, FLIGHT_MAX).map((i) => {
    const [from, to] = [trace.branches[messages.from[i]], trace.branches[messages.to[i]]];
    const lost = messages.fate[i] === 1 ? ", will be lost" : "";
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", onclick: () => app.select(messages.sent[i], { reveal: true }) },
        `${from} → ${to}  ${messages.kinds[messages.kind[i]]}${lost}`,
      ),
    );
  });
  if (flying.length > FLIGHT_MAX) items.push(make("li", { class: "hint" }, `and ${flying.length - FLIGHT_MAX} more`));
  byId("flight").replaceChildren(...items);
}

/** What the checkers say, if they were asked. */
export function showVerdict(app, verdict) {
  if (!verdict) return;
  byId("verdict").hidden = false;
  byId("verdict-text").textContent = verdict.text.split("\n").at(-1).replace(/^verdict\s+/, "");
  const items = verdict.anomalies.map((anomaly) =>
    make(
      "li",
      {},
      make(
        "button",
        { type: "button", onclick: () => app.toAnomaly(anomaly) },
        make("span", { class: "kind" }, anomaly.kind),
        make("span", { class: "when" }, ` ${instant(anomaly.time_us)}`),
        make("br"),
        anomaly.text,
      ),
    ),
  );
  byId("anomalies").replaceChildren(...items);
}

const LINES = [
  { style: "message", label: "update or call", kinds: ["update", "call"] },
  { style: "acknowledgement", label: "acknowledgement, greeting", kinds: ["acknowledgement", "greeting"] },
];
const FAULTS = ["partition", "killed", "paused", "slow", "loss"];

/** The legend: what is in the trace, each with a box that shows or hides it. */
export function showLegend(app) {
  const { trace, messages, faults } = app.model;
  const present = new Set([...new Set(trace.eventCodes)].map((code) => trace.events[code]));
  const items = [];
  MARKS.forEach(({ kind, events, label }, mark) => {
    if (!events.some((event) => present.has(event))) return;
    items.push(choice(app, label, app.markShown[mark], (on) => app.showMark(mark, on), (context) => {
      drawMarks(context, app.theme, kind, [14, 9], 6);
    }));
  });
  for (const { style, label, kinds } of LINES) {
    if (!kinds.some((kind) => messages.kinds.includes(kind))) continue;
    const shown = kinds.every((kind) => !app.kindsHidden.has(kind));
    items.push(choice(app, label, shown, (on) => app.showKinds(kinds, on), (context) => {
      arrow(context, app.theme[style]);
    }));
  }
  if (messages.fate.includes(1)) items.push(key("lost message", (context) => lostArrow(context, app.theme.lost)));
  for (const kind of FAULTS) {
    if (!faults.all.some((span) => span.kind === kind)) continue;
    items.push(key(kind, (context) => {
      context.globalAlpha = 0.3;
      context.fillStyle = app.theme[kind];
      context.fillRect(2, 2, 24, 14);
    }));
  }
  byId("legend").replaceChildren(...items);
}

function choice(app, label, checked, change, draw) {
  const box = make("input", { type: "checkbox", checked });
  box.addEventListener("change", () => change(box.checked));
  return make("label", {}, box, picture(draw), label);
}

function key(label, draw) {
  return make("div", { class: "key" }, picture(draw), label);
}

function picture(draw) {
  const canvas = make("canvas", { width: 56, height: 36, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  draw(context);
  return canvas;
}

function arrow(context, colour) {
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 1.2;
  context.beginPath();
  context.moveTo(3, 4);
  context.lineTo(25, 14);
  context.stroke();
  context.beginPath();
  headPath(context, 3, 4, 25, 14, 7);
  context.fill();
}

function lostArrow(context, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.4;
  context.beginPath();
  context.moveTo(3, 4);
  context.lineTo(20, 12);
  crossPath(context, 20, 12, 4);
  context.stroke();
}
