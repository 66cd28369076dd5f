// What each branch had at an instant. An instant is a position: what the rows up to it made of the bank.

import { CHANGES, upperBound } from "./trace.js";

/** Stands for the row before the first: a trace may begin in the middle. */
const BEFORE = -1;

export class State {
  constructor(trace, faults) {
    this.trace = trace;
    this.faults = faults;
    this.#readVersions();
    this.byAccount = new Map();
  }

  /** Every lane's state, for one account. `behind`: how many operations others know and it does not. */
  at(position, account) {
    const all = position < 0 ? this.totalBefore : this.total[position];
    return this.trace.branches.map((branch, lane) => {
      const known = this.known(lane, position);
      const trouble = this.faults.at(lane, position);
      return { branch, lane, balance: this.balance(lane, position, account), known, behind: all - known, trouble };
    });
  }

  balance(lane, position, account) {
    const { rows, balances, opening } = this.balances(account)[lane];
    const last = upperBound(rows, position) - 1;
    return last < 0 ? opening : balances[last];
  }

  /** How many operations of all origins it knows. */
  known(lane, position) {
    const { rows, counts } = this.knownOf[lane];
    const last = upperBound(rows, position) - 1;
    return last < 0 ? 0 : counts[last];
  }

  /** Its version: [origin, sequence] of each origin. */
  version(lane, position) {
    const reset = this.resets[lane][upperBound(this.resets[lane], position) - 1] ?? BEFORE - 1;
    const version = [];
    for (const [origin, { rows, through }] of this.pages[lane]) {
      const last = upperBound(rows, position) - 1;
      if (last >= 0 && rows[last] > reset) version.push([origin, through[last]]);
    }
    return version.sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
  }

  /** The row at which a lane got so much of an origin's page, at or before a position; -1: none. */
  gained(lane, position, origin, sequence) {
    const page = this.pages[lane].get(origin);
    if (!page) return -1;
    let at = upperBound(page.rows, position) - 1;
    if (at < 0 || page.through[at] < sequence) return -1;
    while (at > 0 && page.through[at - 1] >= sequence) at -= 1;
    return page.rows[at];
  }

  /** The first row at which a lane had so much of an origin's page; -1: it never had. */
  reached(lane, origin, sequence) {
    const page = this.pages[lane].get(origin);
    const at = page ? page.through.findIndex((through) => through >= sequence) : -1;
    return at < 0 ? -1 : page.rows[at];
  }

  /** The last row at or before a position that changed what a lane knows; -1: none. */
  lastChange(lane, position) {
    const rows = this.changes[lane];
    return rows[upperBound(rows, position) - 1] ?? -1;
  }

  /** Of each lane, the rows at which the account's balance was told, and what it was. */
  balances(account) {
    if (!this.byAccount.has(account)) this.byAccount.set(account, this.#readBalances(account));
    return this.byAccount.get(account);
  }

  #readBalances(account) {
    const { trace } = this;
    const opening = trace.opening(account);
    const lanes = trace.branches.map(() => ({ rows: [], balances: [], opening: null }));
    for (let row = 0; row < trace.length; row += 1) {
      const lane = lanes[trace.lane[row]];
      if (trace.event(row) === "restarted") {
        lane.rows.push(row);
        lane.balances.push(opening ?? lane.balances.at(-1) ?? null);
      } else if (trace.text("account", row) === account) {
        const balance = trace.number("balance", row);
        if (balance === null) continue;
        // A trace may begin in the middle: then what was before is what the first row did not add.
        lane.opening ??= balance - change(trace, row);
        lane.rows.push(row);
        lane.balances.push(balance);
      }
    }
    for (const lane of lanes) lane.opening ??= opening;
    return lanes;
  }

  #readVersions() {
    const { trace } = this;
    const lists = (make) => trace.branches.map(make);
    this.pages = lists(() => new Map());
    this.resets = lists(() => []);
    this.changes = lists(() => []);
    this.knownOf = lists(() => ({ rows: [], counts: [] }));
    this.total = new Float64Array(trace.length);
    const furthest = new Map();
    let total = 0;
    const advance = (lane, origin, row, through) => {
      if (!this.pages[lane].has(origin)) this.pages[lane].set(origin, { rows: [], through: [] });
      const page = this.pages[lane].get(origin);
      page.rows.push(row);
      page.through.push(through);
      const before = furthest.get(origin) ?? 0;
      if (through <= before) return;
      furthest.set(origin, through);
      total += through - before;
    };
    for (const [branch, version] of Object.entries(trace.bank.before ?? {})) {
      const lane = trace.laneOf.get(Number(branch));
      for (const [origin, through] of Object.entries(version)) advance(lane, origin, BEFORE, through);
      const count = Object.values(version).reduce((sum, sequence) => sum + sequence, 0);
      this.knownOf[lane] = { rows: [BEFORE], counts: [count] };
    }
    this.totalBefore = total;
    for (let row = 0; row < trace.length; row += 1) {
      const lane = trace.lane[row];
      const event = trace.event(row);
      const origin = trace.text("origin", row);
      const through = trace.number("sequence_through", row);
      let known = trace.number("known", row);
      if (event === "restarted") {
        this.resets[lane].push(row);
        known = 0;
      } else if (CHANGES.has(event) && origin !== null && through !== null) {
        advance(lane, origin, row, through);
        this.changes[lane].push(row);
      }
      if (known !== null) {
        this.knownOf[lane].rows.push(row);
        this.knownOf[lane].counts.push(known);
      }
      this.total[row] = total;
    }
  }
}

/** What a row added to its account's balance. */
function change(trace, row) {
  const amount = trace.number("amount", row) ?? 0;
  switch (trace.event(row)) {
    case "deposit":
    case "joined":
    case "recovered":
      return amount;
    case "withdraw":
      return -amount;
    default:
      return 0;
  }
}
