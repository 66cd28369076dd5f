// What branches had at an instant, messages, faults, and balances over time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LOST, OPEN, RECEIVED } from "../../python/replibank/report/page/messages.js";
import { bounds, divergence, piecesOf } from "../../python/replibank/report/page/series.js";
import { modelOfRows, STORY } from "./bank.mjs";

const model = modelOfRows(STORY);
const at = (position) => model.state.at(position, "0");

test("before anything happened, branches have the opening balance", () => {
  assert.deepEqual(at(-1).map(({ balance, known, behind }) => [balance, known, behind]), [
    [400, 0, 0],
    [400, 0, 0],
    [400, 0, 0],
  ]);
});

test("an instant is after its row, and before later rows of the same time", () => {
  assert.deepEqual(at(4).map(({ balance }) => balance), [470, 395, 400]);
  assert.deepEqual(at(5).map(({ balance }) => balance), [470, 465, 400]);
  assert.deepEqual(at(5).map(({ known, behind }) => [known, behind]), [
    [1, 1],
    [2, 0],
    [0, 2],
  ]);
});

test("a version has each origin's newest page", () => {
  assert.deepEqual(model.state.version(2, 9), [
    ["1", 1],
    ["2", 1],
  ]);
  assert.deepEqual(model.state.version(0, 9), [["1", 1]]);
});

test("a branch that came back without its data has the opening balance and an empty version", () => {
  assert.equal(at(11)[2].trouble, "down");
  const back = at(12)[2];
  assert.deepEqual([back.trouble, back.balance, back.known, back.behind], [null, 400, 0, 2]);
  assert.deepEqual(model.state.version(2, 12), []);
});

test("a trace that begins in the middle has the balances before its rows", () => {
  const middle = modelOfRows(STORY.slice(5));
  assert.deepEqual(middle.state.at(-1, "0").map(({ balance }) => balance), [470, 395, 400]);
});

test("a trace that begins in the middle says what its branches knew before", () => {
  const before = { 1: { 1: 1 }, 2: { 1: 1, 2: 1 } };
  const middle = modelOfRows(STORY.slice(6), { before });
  assert.deepEqual(middle.state.version(1, -1), [
    ["1", 1],
    ["2", 1],
  ]);
  assert.deepEqual(middle.state.at(-1, "0").map(({ known, behind }) => [known, behind]), [
    [1, 1],
    [2, 0],
    [0, 2],
  ]);
  assert.equal(middle.state.gained(0, 0, "1", 1), -1, "what was known before came by no row");
});

test("messages are paired, lost, or open at the end", () => {
  const { messages } = model;
  assert.deepEqual([...messages.fate], [RECEIVED, RECEIVED, LOST]);
  assert.deepEqual([...messages.sent], [2, 6, 13]);
  assert.deepEqual([...messages.received], [4, 7, -1]);
  assert.deepEqual(messages.inFlight(25), [1]);
  assert.deepEqual(messages.inFlight(30), []);
  assert.equal(messages.ofRow[8], 1, "what was joined knows the message that brought it");
  const late = { time_us: 99, branch: 1, event: "sent", peer: 2, message: "update", message_id: 9 };
  const open = modelOfRows([...STORY.slice(0, -1), late, STORY.at(-1)]);
  assert.deepEqual([...open.messages.fate], [RECEIVED, RECEIVED, LOST, OPEN]);
});

test("a message that came twice has two arrows, and one without its beginning has one", () => {
  const again = { time_us: 33, branch: 3, event: "received", peer: 2, message: "update", message_id: 2 };
  const orphan = { time_us: 34, branch: 3, event: "received", peer: 1, message: "update", message_id: 77 };
  const { messages } = modelOfRows([...STORY.slice(0, 10), again, orphan, ...STORY.slice(10)]);
  assert.equal(messages.count, 5);
  assert.deepEqual([...messages.sent].sort((a, b) => a - b), [-1, 2, 6, 6, 15]);
});

test("faults are spans, and together what people call them", () => {
  const { faults } = model;
  assert.deepEqual(faults.groups.map(({ text, start, end }) => [text, start, end]), [
    ["killed 3", 40, 60],
    ["cut 1 2 | 3", 90, 100],
  ]);
  assert.deepEqual(faults.groups[1].sides, [[0, 1], [2]]);
});

test("a side of a partition may be in pieces", () => {
  const cuts = [
    [1, 2],
    [2, 3],
  ].flatMap(([a, b]) => [
    { time_us: 0, branch: a, event: "cut", peer: b },
    { time_us: 0, branch: b, event: "cut", peer: a },
  ]);
  const [group] = modelOfRows(cuts).faults.groups;
  assert.deepEqual(group.sides, [[0, 2], [1]]);
  assert.equal(group.text, "cut 1 3 | 2");
});

test("faults of one kind may overlap", () => {
  const row = (time_us, event) => ({ time_us, branch: 1, event });
  const rows = [row(0, "paused"), row(5, "paused"), row(10, "resumed"), row(20, "resumed"), row(30, "paused")];
  const spans = modelOfRows(rows).faults.all.map(({ start, end, endRow }) => [start, end, endRow]);
  assert.deepEqual(spans, [
    [0, 10, 2],
    [5, 20, 3],
    [30, 30, -1],
  ]);
});

test("a cut that leaves a way around is no partition", () => {
  const ring = modelOfRows(STORY, { links: [[1, 2], [2, 3], [1, 3]] });
  assert.equal(ring.faults.groups[1].sides, null);
  assert.equal(ring.faults.groups[1].text, "cut 2 links");
});

test("the spread counts branches that are up", () => {
  const steps = divergence(model.trace, model.state, model.faults, "0");
  assert.deepEqual(steps.time, [0, 10, 15, 20, 30, 60]);
  assert.deepEqual(steps.most, [400, 470, 470, 470, 470, 470]);
  assert.deepEqual(steps.least, [400, 400, 395, 400, 465, 400]);
  assert.deepEqual(bounds(steps), { least: 395, most: 470, widest: 75 });
});

test("a branch's line has a gap while it is down", () => {
  assert.deepEqual(piecesOf(model.trace, model.state, model.faults, "0", 2), [
    [0, 400, 30, 465, 35, 465, 40, 465],
    [60, 400, 100, 400],
  ]);
});
