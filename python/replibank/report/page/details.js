// The panel's part on the selected event: what it says, its causes, and where its operation went.

import { make } from "./dom.js";
import { duration, grouped, instant, operationName, plural, sentence, signed, versionText } from "./format.js";

const LISTED_MAX = 60;

/** Shows a row, or how to select one. */
export function showEvent(place, title, app) {
  const { model, selected } = app;
  if (selected < 0) {
    title.textContent = "Event";
    place.replaceChildren(
      make("p", { class: "hint" }, "Click an event or an arrow, or press n: its details and its causes appear here."),
    );
    return;
  }
  const { trace } = model;
  title.textContent = `${trace.event(selected)} at branch ${trace.number("branch", selected)}`;
  place.replaceChildren(
    make("p", { class: "lead" }, sentence(trace, selected)),
    facts(model, selected),
    actions(app),
    ...causes(app),
    ...destinations(app),
  );
}

function facts(model, row) {
  const { trace, messages, state } = model;
  const list = make("dl");
  const add = (name, value) => {
    if (value !== null && value !== undefined) list.append(make("dt", {}, name), make("dd", {}, String(value)));
  };
  const number = (name) => trace.number(name, row);
  const text = (name) => trace.text(name, row);
  const money = (name, show = grouped) => (number(name) === null ? null : show(number(name)));
  const event = trace.event(row);
  add("time", instant(trace.time[row]));
  const through = number("sequence_through");
  add("operation", text("origin") === null || through === null ? null : operationName(trace, row));
  add("account", text("account"));
  add("amount", money("amount", event === "joined" || event === "recovered" ? signed : grouped));
  add("balance after", money("balance"));
  add("knows after", number("known") === null ? null : plural(number("known"), "operation"));
  add("version after", versionText(state.version(trace.lane[row], row)));
  add("customer", text("client"));
  add("request", text("request"));
  add("answered after", number("waited_us") === null ? null : duration(number("waited_us")));
  add("peer", number("peer") === null ? null : `branch ${number("peer")}`);
  add("message", text("message"));
  add("message id", text("message_id"));
  const message = messages.ofRow[row];
  if (message >= 0 && messages.sent[message] >= 0 && messages.received[message] >= 0) {
    add("under way for", duration(messages.end[message] - messages.start[message]));
  } else if (event === "sent" && message >= 0) {
    add("arrived", messages.fate[message] === 2 ? "not before the trace ended" : "never: it was lost");
  }
  const span = model.faults.all.find((each) => each.row === row);
  add("lasts", span ? (span.endRow < 0 ? "until the trace ended" : duration(span.end - span.start)) : null);
  add("carries", number("operations") === null ? null : plural(number("operations"), "operation"));
  add("size", number("bytes") === null ? null : plural(number("bytes"), "byte"));
  add("Lamport clock", number("clock") === null ? null : clock(number("clock"), number("ticks")));
  add("reason", text("reason"));
  return list;
}

function clock(value, ticks) {
  return ticks > 1 ? `${grouped(value - ticks + 1)} to ${grouped(value)}` : grouped(value);
}

function actions(app) {
  const causeCount = app.highlight.steps.length - 1;
  return make(
    "div",
    { class: "actions" },
    make("button", { type: "button", disabled: !causeCount, onclick: () => app.toCause(), title: "To the cause (c)" }, "cause"),
    make("button", { type: "button", onclick: () => app.zoomToSelected(), title: "Zoom to it and its causes (z)" }, "zoom"),
    make(
      "button",
      { type: "button", id: "cone", "aria-pressed": String(Boolean(app.cone)), onclick: () => app.toggleCone(), title: "Dim what neither led to it nor followed (b)" },
      "before and after",
    ),
  );
}

function causes(app) {
  const { steps } = app.highlight;
  const { trace } = app.model;
  if (steps.length < 2) return [];
  const took = duration(trace.time[steps.at(-1)] - trace.time[steps[0]]);
  const shown = steps.slice(-LISTED_MAX);
  return [
    make("h3", {}, `How it came about, over ${took}`),
    make("ol", { class: "rows chain" }, ...shown.map((row) => make("li", {}, rowButton(app, row)))),
  ];
}

function destinations(app) {
  const { places } = app.highlight;
  const { trace, faults } = app.model;
  const row = app.selected;
  if (!places.length || !["deposit", "withdraw"].includes(trace.event(row))) return [];
  const known = places.filter((place) => place.row >= 0).sort((a, b) => a.row - b.row);
  const never = places.filter((place) => place.row < 0);
  const since = (at) => duration(trace.time[at] - trace.time[row]);
  const all = known.length && !never.length ? `: all after ${since(known.at(-1).row)}` : "";
  const title = `Known at ${known.length} of ${places.length} other branches${all}`;
  return [
    make("h3", {}, title),
    make(
      "ul",
      { class: "rows reached" },
      ...known.slice(0, LISTED_MAX).map(({ lane, row: at }) =>
        make(
          "li",
          {},
          make(
            "button",
            { type: "button", onclick: () => app.select(at, { reveal: true }) },
            make("span", { class: "when" }, `after ${since(at)} `),
            `branch ${trace.branches[lane]}`,
          ),
        ),
      ),
    ),
    never.length
      ? make("p", { class: "hint" }, `Never at ${never.map(({ lane }) => trace.branches[lane]).join(", ")} in this trace.`)
      : null,
  ].filter(Boolean);
}

/** A row as a button that selects it. */
function rowButton(app, row) {
  const { trace } = app.model;
  const properties = { type: "button", onclick: () => app.select(row, { reveal: true }) };
  if (row === app.selected) properties["aria-current"] = "true";
  return make(
    "button",
    properties,
    make("span", { class: "when" }, `${instant(trace.time[row])} `),
    `branch ${trace.number("branch", row)} ${sentence(trace, row)}`,
  );
}
