// Starts the page: reads the trace, and connects the page's parts with what they do.

import { App } from "./app.js";
import { unpack } from "./columns.js";
import { byId, make } from "./dom.js";
import { duration, grouped, plural } from "./format.js";
import { listenToKeys, zoomPlace } from "./keys.js";
import { showVerdict } from "./panel.js";
import { listenToPointer } from "./pointer.js";
import { onThemeChange } from "./theme.js";
import { Trace } from "./trace.js";

async function start() {
  const facts = JSON.parse(new TextDecoder().decode(await unpack(byId("facts").textContent)));
  const trace = new Trace(facts, await unpack(byId("columns").textContent));
  summary(trace, facts);
  const app = new App(trace, facts.verdict);
  showVerdict(app, facts.verdict);
  connect(app);
  listenToPointer(app);
  listenToKeys(app);
  onThemeChange(() => app.restyle());
  new ResizeObserver(() => app.resized()).observe(byId("diagram"));
  app.resized();
  // For whoever drives the page from its console, and for tests.
  window.replibank = app;
  requestAnimationFrame(() => document.documentElement.setAttribute("data-ready", "true"));
}

function summary(trace, { bank, rows }) {
  const where = { simulation: "a simulation", bank: "a live bank" }[bank.source] ?? bank.source;
  const span = duration(trace.end - trace.start);
  byId("summary").textContent =
    `${plural(trace.branches.length, "branch")}, ${plural(rows, "event")} over ${span} of ${where}`;
  const warnings = [];
  if (bank.lost) warnings.push(`${plural(bank.lost, "event")} found no room in the trace and are missing here.`);
  if (!rows) warnings.push("The trace is empty.");
  byId("warning").textContent = warnings.join(" ");
  byId("warning").hidden = !warnings.length;
}

function connect(app) {
  const { view } = app;
  const on = (id, event, action) => byId(id).addEventListener(event, action);
  const zoom = (factor) => () => {
    view.zoom(factor, zoomPlace(app));
    app.moved();
  };
  on("zoom-in", "click", zoom(0.5));
  on("zoom-out", "click", zoom(2));
  on("zoom-fit", "click", () => {
    view.fit();
    app.moved();
  });
  on("play", "click", () => app.play(!app.playing));
  on("time", "input", (event) => {
    const { start: first, end } = app.model.trace;
    app.play(false);
    app.setTime(first + (Number(event.target.value) / 1e6) * (end - first));
  });
  on("query", "input", (event) => app.find(event.target.value));
  on("query", "keydown", (event) => {
    if (event.key !== "Enter" || !event.shiftKey) return;
    event.preventDefault();
    app.toFound(-1);
  });
  on("search", "submit", (event) => {
    event.preventDefault();
    app.toFound(1);
  });
  on("hit-before", "click", () => app.toFound(-1));
  on("show-all", "click", () => app.toggleAll());
  on("help-open", "click", () => byId("help").showModal());
  if (app.accounts.length > 1) {
    byId("account").append(...app.accounts.map((account) => make("option", { value: account }, grouped(account))));
    byId("account-label").hidden = false;
    on("account", "change", (event) => app.setAccount(event.target.value));
  }
}

start().catch((failure) => {
  const missing = typeof DecompressionStream === "undefined";
  byId("warning").hidden = false;
  byId("warning").textContent = missing
    ? "This browser is too old for the page: one of 2023 or later shows it."
    : `The page cannot be shown: ${failure}`;
  console.error(failure);
});
