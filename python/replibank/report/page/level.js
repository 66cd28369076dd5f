// Level of detail: what to draw where there is more than can be seen.

const FAVOUR = 3;

/** Messages of a window, about `limit` of them where there are more. Which ones is drawn by lot, the same
 * at every time: so they stand still when the window moves, and appear one by one when it narrows.
 * `favoured(i)`: those that have more lots than others, since they are looked for. */
export function thinMessages(messages, { start, end }, limit, shown, favoured = () => false) {
  const [first, last] = messages.range(start, end);
  const all = [];
  let favouredCount = 0;
  for (let i = first; i < last; i += 1) {
    if (messages.end[i] < start || !shown(i)) continue;
    all.push(i);
    if (favoured(i)) favouredCount += 1;
  }
  if (all.length <= limit) return { indices: all, total: all.length };
  const share = limit / (all.length + (FAVOUR - 1) * favouredCount);
  const indices = all.filter((i) => lot(i) < (favoured(i) ? FAVOUR * share : share));
  return { indices, total: all.length };
}

/** A number from 0 to 1 that depends on another one alone (Knuth's multiplicative hash). */
function lot(i) {
  return (Math.imul(i + 1, 2654435761) >>> 0) / 2 ** 32;
}

/** Counts rows in bins of time: of each lane * bins + bin, how many. */
export function countBins(trace, rows, start, end, bins) {
  const counts = new Map();
  const scale = bins / (end - start);
  for (const row of rows) {
    const bin = Math.floor((trace.time[row] - start) * scale);
    if (bin < 0 || bin >= bins) continue;
    const key = trace.lane[row] * bins + bin;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** The places in a lane's rows that a window of time covers: [first, last). */
export function rowRange(trace, lane, start, end) {
  const rows = trace.rowsOf[lane];
  return [bound(trace, rows, (time) => time < start), bound(trace, rows, (time) => time <= end)];
}

function bound(trace, rows, below) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (below(trace.time[rows[middle]])) low = middle + 1;
    else high = middle;
  }
  return low;
}
