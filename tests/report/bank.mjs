// Traces for the tests of the page's logic.

import { modelOf } from "../../python/replibank/report/page/app.js";
import { Trace } from "../../python/replibank/report/page/trace.js";

const TEXTS = ["event", "message", "origin", "client", "reason"];

/** A model of rows and of what was wrong, as the page has it. */
export function modelOfRows(rows, bank = {}, faults = []) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = [];
  const pieces = [];
  for (const name of names) {
    const values = [...new Set(rows.map((row) => row[name]).filter((value) => value !== undefined))];
    if (TEXTS.includes(name)) {
      columns.push({ name, type: "code", values });
      pieces.push(Int32Array.from(rows, (row) => values.indexOf(row[name])));
    } else {
      columns.push({ name, type: "f64", differences: false });
      pieces.push(Float64Array.from(rows, (row) => row[name] ?? NaN));
    }
  }
  const bytes = pieces.flatMap((piece) => [...new Uint8Array(piece.buffer)]);
  const facts = {
    bank: { branches: [1, 2, 3], accounts: { 0: 400 }, links: [[1, 2], [2, 3]], lost: 0, source: "simulation", ...bank },
    rows: rows.length,
    columns,
    faults,
  };
  return modelOf(new Trace(facts, Uint8Array.from(bytes).buffer));
}

/** Three branches in a row, 1 - 2 - 3: a deposit of 1 reaches 3 through 2; 3 is killed and comes back
 * without its data; a second message to 3 is lost. */
export const STORY = [
  { time_us: 0, branch: 1, event: "link-up", peer: 2 },
  { time_us: 10, branch: 1, event: "deposit", origin: "1", sequence_from: 1, sequence_through: 1, account: 0, amount: 70, balance: 470, known: 1, client: "c", request: 1 },
  { time_us: 11, branch: 1, event: "sent", peer: 2, message: "update", message_id: 1, operations: 1 },
  { time_us: 15, branch: 2, event: "withdraw", origin: "2", sequence_from: 1, sequence_through: 1, account: 0, amount: 5, balance: 395, known: 1, client: "d", request: 1 },
  { time_us: 20, branch: 2, event: "received", peer: 1, message: "update", message_id: 1, operations: 1 },
  { time_us: 20, branch: 2, event: "joined", origin: "1", sequence_from: 1, sequence_through: 1, account: 0, amount: 70, balance: 465, known: 2, message_id: 1 },
  { time_us: 21, branch: 2, event: "sent", peer: 3, message: "update", message_id: 2, operations: 2 },
  { time_us: 30, branch: 3, event: "received", peer: 2, message: "update", message_id: 2, operations: 2 },
  { time_us: 30, branch: 3, event: "joined", origin: "1", sequence_from: 1, sequence_through: 1, account: 0, amount: 70, balance: 470, known: 1, message_id: 2 },
  { time_us: 30, branch: 3, event: "joined", origin: "2", sequence_from: 1, sequence_through: 1, account: 0, amount: -5, balance: 465, known: 2, message_id: 2 },
  { time_us: 35, branch: 3, event: "query", account: 0, balance: 465, known: 2, client: "c", request: 2 },
  { time_us: 40, branch: 3, event: "killed" },
  { time_us: 60, branch: 3, event: "restarted", reason: "without its data" },
  { time_us: 65, branch: 2, event: "sent", peer: 3, message: "update", message_id: 3, operations: 2 },
  { time_us: 65, branch: 2, event: "lost", peer: 3, message: "update", message_id: 3, reason: "random loss" },
  { time_us: 90, branch: 2, event: "cut", peer: 3 },
  { time_us: 90, branch: 3, event: "cut", peer: 2 },
  { time_us: 100, branch: 1, event: "refused", account: 0, amount: 900, balance: 470, known: 1, client: "c", request: 3, reason: "470 is less than 900" },
];

/** What was wrong in it, as the core tells it. */
export const FAULTS = [
  { kind: "killed", text: "3", reason: null, branches: [3], sides: [], start_us: 40, end_us: 60, parts: [[3, 40, 60, 11, 12]] },
  {
    kind: "partition",
    text: "1, 2 | 3",
    reason: null,
    branches: [2, 3],
    sides: [[1, 2], [3]],
    start_us: 90,
    end_us: 100,
    parts: [
      [2, 90, 100, 15, null],
      [3, 90, 100, 16, null],
    ],
  },
];

export const rowOf = (model, matches) => STORY.findIndex(matches);
