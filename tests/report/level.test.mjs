// Level of detail, the view, numbers as text, search.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toSegment } from "../../python/replibank/report/page/find.js";
import { duration, grouped, instant, sentence, ticks, tickText } from "../../python/replibank/report/page/format.js";
import { countBins, rowRange, thinMessages } from "../../python/replibank/report/page/level.js";
import { search } from "../../python/replibank/report/page/search.js";
import { View } from "../../python/replibank/report/page/view.js";
import { modelOfRows, STORY } from "./bank.mjs";

const model = modelOfRows(STORY);
const margins = { left: 100, right: 0, top: 20, bottom: 0 };

function many(count) {
  const rows = [];
  for (let i = 0; i < count; i += 1) {
    rows.push({ time_us: i * 10, branch: 1, event: "sent", peer: 2, message: "update", message_id: i });
    rows.push({ time_us: i * 10 + 5, branch: 2, event: "received", peer: 1, message: "update", message_id: i });
  }
  return modelOfRows(rows);
}

test("few messages are all drawn, many are thinned, and stay the same when the window moves", () => {
  const { messages } = many(5000);
  const all = () => true;
  assert.equal(thinMessages(messages, { start: 0, end: 900 }, 100, all).indices.length, 91);
  const whole = thinMessages(messages, { start: 0, end: 50_000 }, 500, all);
  assert.equal(whole.total, 5000);
  assert.ok(whole.indices.length > 400 && whole.indices.length < 600, `${whole.indices.length}`);
  // Spread over the whole window, not only its beginning.
  assert.ok(whole.indices.filter((i) => i >= 2500).length > 150);
  const half = thinMessages(messages, { start: 0, end: 25_000 }, 250, all);
  const kept = new Set(whole.indices);
  const same = half.indices.filter((i) => kept.has(i)).length;
  assert.ok(same > half.indices.length * 0.9);
});

test("a window has the messages that reach into it, and no hidden ones", () => {
  const { messages } = model;
  assert.deepEqual(thinMessages(messages, { start: 18, end: 19 }, 9, () => true).indices, [0]);
  assert.deepEqual(thinMessages(messages, { start: 0, end: 99 }, 9, (i) => i > 0).indices, [1, 2]);
});

test("rows are counted in bins", () => {
  const counts = countBins(model.trace, [1, 3, 5], 0, 100, 10);
  assert.deepEqual([...counts], [[1, 1], [11, 1], [12, 1]]);
  assert.deepEqual(rowRange(model.trace, 1, 20, 21), [1, 4]);
});

test("the view zooms around a place and keeps within the run", () => {
  const view = new View(0, 1000, 3, margins);
  view.resize(1100, 620);
  const time = view.time(300);
  view.zoom(0.1, 300);
  assert.ok(Math.abs(view.time(300) - time) < 1e-6);
  view.pan(1e9);
  assert.equal(view.end, view.all.end);
  for (let i = 0; i < 50; i += 1) view.zoom(0.5);
  assert.ok(view.end - view.start >= 5 - 1e-9, "the smallest window");
  view.zoom(1e9);
  assert.deepEqual([view.start, view.end], [view.all.start, view.all.end]);
});

test("hidden lanes have no place, and others close up", () => {
  const view = new View(0, 1000, 3, margins);
  view.resize(1100, 620);
  view.show([0, 2]);
  assert.ok(Number.isNaN(view.y(1)));
  assert.equal(view.laneAt(view.y(2)), 2);
  assert.equal(view.laneAt(5), -1);
});

test("a window is moved no farther than shows an event", () => {
  const view = new View(0, 1000, 200, margins);
  view.resize(1100, 620);
  view.window(0, 100);
  view.reveal(50, 199);
  assert.ok(view.start < 1 && view.y(199) <= 620);
  view.reveal(500);
  assert.ok(view.start <= 500 && view.end >= 500);
});

test("axes have round numbers with the digits that they need", () => {
  assert.deepEqual(ticks(0, 100, 5), { places: [0, 20, 40, 60, 80, 100], step: 20 });
  assert.equal(tickText(1500, 500, 9000), "1.5 ms");
  assert.equal(tickText(2_000_000, 1_000_000, 9_000_000), "2 s");
});

test("numbers are read as people write them", () => {
  assert.equal(grouped(-1234567), "-1,234,567");
  assert.equal(grouped(null), "–");
  assert.deepEqual([duration(999), duration(1240), duration(12_345_678)], ["999 µs", "1.24 ms", "12.3 s"]);
  assert.deepEqual([instant(12), instant(12_345), instant(2_000_123)], ["12 µs", "12.345 ms", "2.000 123 s"]);
  assert.equal(sentence(model.trace, 5), "learned 1:1, balance +70 to 465");
});

test("every event has its sentence", () => {
  const { trace } = model;
  STORY.forEach((_, row) => assert.ok(!/undefined|null|NaN/.test(sentence(trace, row)), sentence(trace, row)));
});

test("search knows fields, events, operations and texts, and wants all words", () => {
  const { trace } = model;
  assert.deepEqual(search(trace, "deposit"), [1]);
  assert.deepEqual(search(trace, "branch:3 joined"), [8, 9]);
  assert.deepEqual(search(trace, "1:1"), [1, 5, 8]);
  assert.deepEqual(search(trace, "customer:C"), [1, 10, 17]);
  assert.deepEqual(search(trace, "less than"), [17]);
  assert.deepEqual(search(trace, "lost"), [14]);
  assert.deepEqual(search(trace, "update branch:1"), [2]);
  assert.deepEqual(search(trace, "nonsense"), []);
  assert.deepEqual(search(trace, "  "), []);
});

test("the distance to a message is that to its line", () => {
  assert.equal(toSegment(5, 3, [0, 0, 10, 0]), 3);
  assert.equal(toSegment(13, 4, [0, 0, 10, 0]), 5);
});
