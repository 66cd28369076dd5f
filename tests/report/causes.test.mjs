// Happens-before over a trace.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chain, future, past, spread } from "../../python/replibank/report/page/causes.js";
import { highlightOf } from "../../python/replibank/report/page/highlight.js";
import { modelOfRows, STORY } from "./bank.mjs";

const model = modelOfRows(STORY);

test("what was joined came by messages, from the operation that began it", () => {
  // The first page of the message came from branch 1 through branch 2, the second from branch 2 itself.
  assert.deepEqual(chain(model, 8), [1, 2, 4, 5, 6, 7, 8]);
  assert.deepEqual(chain(model, 9), [3, 6, 7, 9]);
});

test("a query was answered from what its branch had learned last", () => {
  assert.deepEqual(chain(model, 10), [3, 6, 7, 9, 10]);
});

test("a lost message was sent because of what was learned last", () => {
  assert.deepEqual(chain(model, 14), [1, 2, 4, 5, 13, 14]);
});

test("an operation has no cause, a restart has the kill", () => {
  assert.deepEqual(chain(model, 1), [1]);
  assert.deepEqual(chain(model, 12), [11, 12]);
});

test("an operation spreads to each branch once", () => {
  assert.deepEqual(spread(model, 1), [
    { lane: 1, row: 5 },
    { lane: 2, row: 8 },
  ]);
  assert.deepEqual(highlightOf(model, 1).spread, [0, 1]);
});

test("the past and the future of a row are cuts", () => {
  assert.deepEqual([...past(model, 8)], [2, 6, 8]);
  assert.deepEqual([...future(model, 3)], [STORY.length, 3, 7]);
});

test("the past is the transitive closure of lanes and messages, on random traces", () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const rows = randomRows(seed);
    const random = modelOfRows(rows, { branches: [1, 2, 3, 4] });
    for (const row of [rows.length - 1, rows.length >> 1, 7]) {
      const last = past(random, row);
      const first = future(random, row);
      rows.forEach((_, at) => {
        const lane = random.trace.lane[at];
        assert.equal(at <= last[lane], reaches(rows, at, row), `seed ${seed}: ${at} before ${row}`);
        assert.equal(at >= first[lane], reaches(rows, row, at), `seed ${seed}: ${at} after ${row}`);
      });
    }
  }
});

function randomRows(seed) {
  let state = seed;
  const draw = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const rows = [];
  const flying = [];
  for (let time = 0; time < 60; time += 1) {
    if (flying.length && draw(2)) {
      const [{ branch, peer, message_id }] = flying.splice(draw(flying.length), 1);
      rows.push({ time_us: time, branch: peer, event: "received", peer: branch, message: "update", message_id });
    } else {
      const branch = 1 + draw(4);
      const row = { time_us: time, branch, event: "sent", peer: 1 + ((branch + draw(3)) % 4), message: "update", message_id: time };
      rows.push(row);
      flying.push(row);
    }
  }
  return rows;
}

/** Whether one row happened before another, or is it: by trying every way. */
function reaches(rows, from, to) {
  const seen = new Set([from]);
  const open = [from];
  while (open.length) {
    const at = open.pop();
    rows.forEach((row, next) => {
      const local = row.branch === rows[at].branch && next > at;
      const sent = rows[at].event === "sent" && row.event === "received" && row.message_id === rows[at].message_id;
      if ((local || sent) && !seen.has(next)) {
        seen.add(next);
        open.push(next);
      }
    });
  }
  return seen.has(to);
}
