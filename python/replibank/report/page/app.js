// The page's state, and everything that can be done to it. Whoever changes something says what must be
// drawn again; drawing happens once a frame.

import { future, past } from "./causes.js";
import { drawDiagram, AXIS, FAULT_ROW, packFaults } from "./diagram.js";
import { showEvent } from "./details.js";
import { byId, fitCanvas, setText } from "./dom.js";
import { Faults } from "./faults.js";
import { grouped, instant, plural, sentence } from "./format.js";
import { highlightOf } from "./highlight.js";
import { MARKS, marksByEvent } from "./marks.js";
import { Messages } from "./messages.js";
import { drawOverlay } from "./overlay.js";
import { drawSeries, drawWindow } from "./overview.js";
import { BranchTable, showFlight, showLegend } from "./panel.js";
import { search } from "./search.js";
import { divergence } from "./series.js";
import { State } from "./state.js";
import { readTheme } from "./theme.js";
import { View } from "./view.js";

const NARROW = 620;
const FAULT_ROWS_MAX = 4;
/** A run is played in so many seconds a window. */
const WINDOW_SECONDS = 12;

/** Trace, messages, faults and states: what the rows mean. */
export function modelOf(trace) {
  const faults = new Faults(trace);
  return { trace, messages: new Messages(trace), faults, state: new State(trace, faults) };
}

export class App {
  constructor(trace, verdict) {
    this.model = modelOf(trace);
    this.theme = readTheme();
    this.anomalies = verdict?.anomalies ?? [];
    this.packed = packFaults(this.model.faults.groups, FAULT_ROWS_MAX);
    const rows = Math.max(0, ...this.packed.map(({ row }) => row + 1));
    const margins = { left: 150, right: 14, top: AXIS + rows * FAULT_ROW + 3, bottom: 4 };
    this.view = new View(trace.start, trace.end, trace.branches.length, margins);
    this.accounts = trace.accounts();
    this.hidden = new Set();
    this.markOf = marksByEvent(trace.events);
    this.markShown = MARKS.map(() => true);
    this.kindsHidden = new Set();
    this.messageShown = (i) => {
      const { messages } = this.model;
      if (this.kindsHidden.size && this.kindsHidden.has(messages.kinds[messages.kind[i]])) return false;
      return this.view.isShown(messages.from[i]) && this.view.isShown(messages.to[i]);
    };
    this.selected = -1;
    this.hover = -1;
    this.highlight = null;
    this.cone = null;
    this.found = [];
    this.foundAt = -1;
    this.drawn = { messages: [], total: 0 };
    this.playing = false;
    this.dirty = new Set();
    this.table = new BranchTable(this, byId("branches"));
    this.setAccount(this.accounts[0] ?? "0");
    this.setTime(trace.end);
    this.deselect();
    showLegend(this);
  }

  // What is looked at.

  setTime(time) {
    const { trace } = this.model;
    this.#setInstant(Math.min(trace.end, Math.max(trace.start, time)), trace.positionAt(time));
  }

  #setInstant(time, position) {
    this.time = time;
    this.position = position;
    this.states = this.model.state.at(position, this.account);
    this.#mark("overlay", "panel", "window");
  }

  setAccount(account) {
    this.account = account;
    const { trace, state, faults } = this.model;
    this.steps = divergence(trace, state, faults, account);
    this.states = state.at(this.position ?? -1, account);
    this.#mark("series", "overlay", "panel");
  }

  /** Selects a row, and takes its instant: right after it, before later rows of the same time. */
  select(row, { reveal = false } = {}) {
    const { trace } = this.model;
    this.selected = row;
    this.hover = -1;
    this.highlight = highlightOf(this.model, row);
    if (this.cone) this.#readCone();
    if (this.hidden.has(trace.lane[row])) this.setHidden(trace.lane[row], false);
    if (reveal) this.view.reveal(trace.time[row], trace.lane[row]);
    this.#setInstant(trace.time[row], row);
    setText(byId("said"), `${instant(trace.time[row])}, branch ${trace.number("branch", row)}: ${sentence(trace, row)}`);
    this.#showSelected();
    this.#mark("diagram");
  }

  deselect() {
    this.selected = -1;
    this.highlight = null;
    this.cone = null;
    this.#showSelected();
    this.#mark("overlay");
  }

  #showSelected() {
    showEvent(byId("event"), byId("selected-title"), this);
  }

  /** The next (1) or previous (-1) event that is shown. */
  step(direction) {
    const { trace } = this.model;
    let row = this.selected >= 0 ? this.selected + direction : this.position + (direction > 0 ? 1 : 0);
    const shown = () => {
      const mark = this.markOf[trace.eventCodes[row]];
      return this.view.isShown(trace.lane[row]) && (mark < 0 || this.markShown[mark]);
    };
    while (row >= 0 && row < trace.length && !shown()) row += direction;
    if (row >= 0 && row < trace.length) this.select(row, { reveal: true });
  }

  toCause() {
    const cause = this.highlight?.steps.at(-2);
    if (cause !== undefined) this.select(cause, { reveal: true });
  }

  toAnomaly({ row, time_us: time, branch }) {
    if (row !== null) {
      this.view.window(this.model.trace.time[row] - this.#near(), this.model.trace.time[row] + this.#near());
      this.select(row, { reveal: true });
    } else {
      this.setTime(time);
      this.view.reveal(time, this.model.trace.laneOf.get(branch) ?? -1);
      this.#mark("diagram");
    }
  }

  /** Half a window in which single events can be seen. */
  #near() {
    const { trace } = this.model;
    return Math.max(50, ((trace.end - trace.start) / Math.max(1, trace.length)) * 120);
  }

  zoomToSelected() {
    if (!this.highlight) return;
    const { trace } = this.model;
    const rows = [...this.highlight.steps, ...this.highlight.reached];
    const times = rows.map((row) => trace.time[row]);
    const [start, end] = [Math.min(...times), Math.max(...times)];
    const room = Math.max((end - start) * 0.12, 20);
    this.view.window(start - room, end + room);
    this.#mark("diagram");
  }

  toggleCone() {
    if (this.selected < 0) return;
    if (this.cone) this.cone = null;
    else this.#readCone();
    this.#showSelected();
    this.#mark("overlay");
  }

  #readCone() {
    this.cone = { past: past(this.model, this.selected), future: future(this.model, this.selected) };
  }

  // What is shown.

  setHidden(lane, hide) {
    if (hide) this.hidden.add(lane);
    else this.hidden.delete(lane);
    this.#showLanes();
  }

  /** All branches; or if all are shown, only that of the selected event and those of its causes. */
  toggleAll() {
    const { trace } = this.model;
    if (this.hidden.size) {
      this.hidden.clear();
    } else if (this.highlight) {
      const kept = new Set(this.highlight.steps.map((row) => trace.lane[row]));
      trace.branches.forEach((_, lane) => {
        if (!kept.has(lane)) this.hidden.add(lane);
      });
    }
    this.#showLanes();
  }

  #showLanes() {
    this.view.show(this.model.trace.branches.map((_, lane) => lane).filter((lane) => !this.hidden.has(lane)));
    this.#mark("diagram", "panel");
  }

  showMark(mark, on) {
    this.markShown[mark] = on;
    this.#mark("diagram");
  }

  showKinds(kinds, on) {
    for (const kind of kinds) {
      if (on) this.kindsHidden.delete(kind);
      else this.kindsHidden.add(kind);
    }
    this.#mark("diagram", "panel");
  }

  setHover(row) {
    if (row === this.hover) return;
    this.hover = row;
    this.#mark("overlay");
  }

  // Search.

  find(query) {
    this.found = search(this.model.trace, query);
    this.foundAt = -1;
    const none = query.trim() ? "nothing" : "";
    setText(byId("hits"), this.found.length ? `${grouped(this.found.length)} found` : none);
    for (const id of ["hit-before", "hit-after"]) byId(id).disabled = !this.found.length;
    this.#mark("overlay", "window");
  }

  toFound(direction) {
    const count = this.found.length;
    if (!count) return;
    if (this.foundAt < 0) this.foundAt = direction > 0 ? 0 : count - 1;
    else this.foundAt = (this.foundAt + direction + count) % count;
    setText(byId("hits"), `${grouped(this.foundAt + 1)} of ${grouped(count)}`);
    this.select(this.found[this.foundAt], { reveal: true });
  }

  // Time.

  play(on) {
    if (on === this.playing) return;
    const { trace } = this.model;
    this.playing = on;
    byId("play").setAttribute("aria-pressed", String(on));
    setText(byId("play"), on ? "pause" : "play");
    if (!on) return;
    if (this.time >= trace.end) this.setTime(Math.max(trace.start, this.view.start));
    let before = performance.now();
    const frame = (now) => {
      if (!this.playing) return;
      const rate = ((this.view.end - this.view.start) / WINDOW_SECONDS) * Number(byId("speed").value);
      this.setTime(this.time + ((now - before) / 1000) * rate);
      before = now;
      if (this.time > this.view.end || this.time < this.view.start) {
        this.view.reveal(this.time);
        this.#mark("diagram");
      }
      if (this.time >= trace.end) this.play(false);
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  // Drawing.

  /** After the view has moved. */
  moved() {
    this.#mark("diagram");
  }

  restyle() {
    this.theme = readTheme();
    this.table.recolour();
    showLegend(this);
    this.#mark("diagram", "series");
  }

  #mark(...parts) {
    if (!this.dirty.size) requestAnimationFrame(() => this.draw());
    for (const part of parts) this.dirty.add(part);
  }

  draw() {
    const dirty = this.dirty;
    this.dirty = new Set();
    if (dirty.has("diagram")) {
      const { context, width, height } = fitCanvas(byId("still"));
      this.view.margins.left = width < NARROW ? 84 : 150;
      this.view.resize(width, height);
      this.drawn = drawDiagram(context, this);
      this.badge = badgeOf(this.drawn);
    }
    if (dirty.has("diagram") || dirty.has("overlay")) drawOverlay(fitCanvas(byId("moving")).context, this);
    if (dirty.has("series")) {
      const { context, width, height } = fitCanvas(byId("series"));
      drawSeries(context, this, width, height);
    }
    if (dirty.has("diagram") || dirty.has("series") || dirty.has("window")) {
      const { context, width, height } = fitCanvas(byId("window"));
      drawWindow(context, this, width, height);
    }
    if (dirty.has("panel")) this.#showInstant();
  }

  resized() {
    this.#mark("diagram", "series");
  }

  #showInstant() {
    const { trace } = this.model;
    this.table.update();
    showFlight(this);
    setText(byId("branches-time"), instant(this.time));
    setText(byId("clock"), instant(this.time));
    const span = trace.end - trace.start || 1;
    byId("time").value = String(((this.time - trace.start) / span) * 1e6);
    byId("time").setAttribute("aria-valuetext", instant(this.time));
  }
}

/** What the diagram leaves out. */
function badgeOf({ messages, total, barred, omitted }) {
  const parts = [];
  if (messages.length < total) parts.push(`${grouped(messages.length)} of ${plural(total, "message")} drawn`);
  if (barred) parts.push("operations as bars");
  if (omitted) parts.push("some kinds of events left out");
  return parts.length ? `${parts.join(", ")}: zoom in to see all` : "";
}
