// Balances and their divergence over time, for the overview.

/** Steps of one account over all branches that are up: at `time[i]` the least balance becomes `least[i]`
 * and the largest `most[i]`. */
export function divergence(trace, state, faults, account) {
  const lanes = state.balances(account);
  const current = lanes.map((lane) => lane.opening);
  const up = lanes.map(() => true);
  const steps = { time: [], least: [], most: [] };
  const note = (time) => {
    let least = Infinity;
    let most = -Infinity;
    for (let lane = 0; lane < current.length; lane += 1) {
      if (!up[lane] || current[lane] === null) continue;
      if (current[lane] < least) least = current[lane];
      if (current[lane] > most) most = current[lane];
    }
    if (least > most) return;
    const last = steps.time.length - 1;
    if (last >= 0 && steps.time[last] === time) {
      steps.least[last] = least;
      steps.most[last] = most;
    } else if (last < 0 || steps.least[last] !== least || steps.most[last] !== most) {
      steps.time.push(time);
      steps.least.push(least);
      steps.most.push(most);
    }
  };
  note(trace.start);
  for (const { row, time, lane, balance, running } of merged(trace, lanes, faults)) {
    if (running !== undefined) up[lane] = running;
    else if (current[lane] === balance) continue;
    else current[lane] = balance;
    note(time ?? trace.time[row]);
  }
  return steps;
}

/** One lane's balances as pieces of [time, balance, time, balance, ...]: a branch that is down, or reads
 * its disk, has none. */
export function piecesOf(trace, state, faults, account, lane) {
  const { rows, balances, opening } = state.balances(account)[lane];
  const gaps = downSpans(trace, faults).filter((gap) => gap.lane === lane);
  const pieces = [[trace.start, opening ?? balances[0] ?? 0]];
  let gap = 0;
  for (let i = 0; i < rows.length; i += 1) {
    while (gap < gaps.length && gaps[gap].last < rows[i]) gap += 1;
    const within = gap < gaps.length && rows[i] > gaps[gap].first;
    if (within && rows[i] < gaps[gap].last) continue;
    if (within) {
      // The piece before ends where the branch fell.
      const before = pieces.at(-1);
      before.push(gaps[gap].start, before.at(-1));
      pieces.push([trace.time[rows[i]], balances[i]]);
    } else {
      step(pieces.at(-1), trace.time[rows[i]], balances[i]);
    }
  }
  const last = pieces.at(-1);
  const end = gaps[gap]?.last >= trace.length ? gaps[gap].start : trace.end;
  last.push(end, last.at(-1));
  return pieces;
}

/** Of several balances at one time, the last. */
function step(piece, time, balance) {
  if (piece.at(-2) === time) piece[piece.length - 1] = balance;
  else piece.push(time, balance);
}

/** When lanes were down: after the row `first`, until the row `last`, at which they had read their disk. */
function downSpans(trace, faults) {
  return faults.all
    .filter(({ kind }) => kind === "killed")
    .map(({ lane, row, endRow, start }) => ({
      lane,
      start,
      first: row,
      // What it had half read says nothing of the bank.
      last: endRow < 0 ? trace.length : afterRecovery(trace, lane, endRow),
    }));
}

/** Balances as they were told, and branches that fell and rose, in the order of rows. */
function merged(trace, lanes, faults) {
  const all = [];
  lanes.forEach(({ rows, balances }, lane) => {
    rows.forEach((row, i) => all.push({ row, lane, balance: balances[i] }));
  });
  for (const { lane, start, first, last } of downSpans(trace, faults)) {
    all.push({ row: first, time: start, lane, running: false });
    if (last < trace.length) all.push({ row: last, lane, running: true });
  }
  return all.sort((a, b) => a.row - b.row);
}

function afterRecovery(trace, lane, restarted) {
  let last = restarted;
  for (let row = restarted + 1; row < trace.length && trace.time[row] === trace.time[restarted]; row += 1) {
    if (trace.lane[row] === lane && trace.event(row) === "recovered") last = row;
  }
  return last;
}

/** The least and the largest of a list of balances, for an axis. */
export function bounds(steps) {
  let least = Infinity;
  let most = -Infinity;
  let widest = 0;
  for (let i = 0; i < steps.time.length; i += 1) {
    least = Math.min(least, steps.least[i]);
    most = Math.max(most, steps.most[i]);
    widest = Math.max(widest, steps.most[i] - steps.least[i]);
  }
  return least > most ? { least: 0, most: 1, widest: 0 } : { least, most, widest };
}
