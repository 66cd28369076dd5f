// The rows of a trace, by row and by branch. A lane is a branch's place in the diagram, from 0.

import { readColumns } from "./columns.js";

/** Events that change what a branch knows. */
export const CHANGES = new Set(["deposit", "withdraw", "joined", "recovered"]);

export class Trace {
  constructor({ bank, rows, columns, faults }, buffer) {
    this.bank = bank;
    this.faults = faults;
    this.length = rows;
    this.columns = readColumns(columns, buffer, rows);
    this.time = this.columns.get("time_us")?.raw ?? new Float64Array(0);
    this.start = rows ? Math.min(0, this.time[0]) : 0;
    this.end = rows ? this.time[rows - 1] : 0;
    this.branches = this.#branches();
    this.laneOf = new Map(this.branches.map((branch, lane) => [branch, lane]));
    this.lane = Int32Array.from({ length: rows }, (_, row) => this.laneOf.get(this.number("branch", row)));
    this.rowsOf = this.#rowsOf();
    /** The names of events, and of each row which it is. */
    this.events = this.columns.get("event")?.values ?? [];
    this.eventCodes = this.columns.get("event")?.raw ?? new Int32Array(0);
  }

  /** A number, or null. */
  number(name, row) {
    return this.columns.get(name)?.number(row) ?? null;
  }

  text(name, row) {
    return this.columns.get(name)?.text(row) ?? null;
  }

  key(name, row) {
    return this.columns.get(name)?.key(row) ?? null;
  }

  event(row) {
    return this.text("event", row);
  }

  /** The peer's lane, or -1. */
  peerLane(row) {
    const peer = this.number("peer", row);
    return peer === null ? -1 : (this.laneOf.get(peer) ?? -1);
  }

  /** The last row by that time, or -1. */
  positionAt(time) {
    return upperBound(this.time, time) - 1;
  }

  /** The opening balances, by account. */
  opening(account) {
    return this.bank.accounts[account] ?? null;
  }

  /** The accounts that rows are about, or else those of the bank. */
  accounts() {
    const seen = new Set();
    for (let row = 0; row < this.length; row += 1) {
      const account = this.text("account", row);
      if (account !== null) seen.add(account);
    }
    const all = seen.size ? [...seen] : Object.keys(this.bank.accounts);
    return all.sort((a, b) => Number(a) - Number(b));
  }

  #branches() {
    const ids = new Set(this.bank.branches);
    for (const name of ["branch", "peer"]) {
      for (let row = 0; row < this.length; row += 1) {
        const id = this.number(name, row);
        if (id !== null) ids.add(id);
      }
    }
    return [...ids].sort((a, b) => a - b);
  }

  #rowsOf() {
    const counts = new Int32Array(this.branches.length);
    for (const lane of this.lane) counts[lane] += 1;
    const rows = Array.from(counts, (count) => new Int32Array(count));
    counts.fill(0);
    this.lane.forEach((lane, row) => {
      rows[lane][counts[lane]] = row;
      counts[lane] += 1;
    });
    return rows;
  }
}

/** The first place in a rising list whose value is above. */
export function upperBound(list, value) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
