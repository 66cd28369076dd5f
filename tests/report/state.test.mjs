// What branches had at an instant, messages, faults, and balances over time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LOST, OPEN, RECEIVED } from "../../python/replibank/report/page/messages.js";
import { bounds, divergence, piecesOf } from "../../python/replibank/report/page/series.js";
import { FAULTS, modelOfRows, STORY } from "./bank.mjs";

const model = modelOfRows(STORY, {}, FAULTS);
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
  assert.equal(at(11)[2].trouble, "killed");
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

test("faults are named by their kind and where, and some with details", () => {
  const { faults } = model;
  assert.deepEqual(faults.groups.map(({ text, start, end }) => [text, start, end]), [
    ["killed 3", 40, 60],
    ["partition 1, 2 | 3", 90, 100],
  ]);
  assert.deepEqual(faults.groups[1].lanes, [1, 2]);
  assert.deepEqual(faults.groups[1].sides, [[0, 1], [2]]);
  const slow = { ...FAULTS[0], kind: "slow", reason: "0.5 s later" };
  assert.equal(modelOfRows(STORY, {}, [slow]).faults.groups[0].text, "slow 3: 0.5 s later");
});

test("a branch is killed after the row that says so, until the one that says that it is back", () => {
  const { faults } = model;
  assert.deepEqual([10, 11, 12].map((position) => faults.at(2, position)), [null, "killed", null]);
  assert.equal(faults.at(1, 17), null, "a cut is no trouble of the branch itself");
});

test("a fault may have begun before a part of a trace", () => {
  const killed = { ...FAULTS[0], start_us: 60, parts: [[3, 60, 60, null, 1]] };
  const part = modelOfRows(STORY.slice(11), {}, [killed]);
  assert.deepEqual([-1, 0, 1].map((position) => part.faults.at(2, position)), ["killed", "killed", null]);
  assert.deepEqual(piecesOf(part.trace, part.state, part.faults, "0", 2).at(-1), [60, 400, 100, 400]);
  const steps = divergence(part.trace, part.state, part.faults, "0");
  assert.ok(steps.time.every(Number.isFinite));
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
