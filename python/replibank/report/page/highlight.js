// What is emphasised for a selected row: the way that led to it, and where its operation went.

import { chain, spread } from "./causes.js";

/** `steps`: rows from the first cause to the row; `chain`, `spread`: messages; `waits`: what lies between
 * on one lane; `reached`: where the operation went: { lane, row }, row -1 if it never arrived. */
export function highlightOf(model, row) {
  const { trace, messages } = model;
  const steps = chain(model, row);
  const waits = [];
  const along = [];
  steps.slice(1).forEach((step, i) => {
    const before = steps[i];
    if (trace.lane[before] === trace.lane[step]) {
      waits.push({ lane: trace.lane[step], from: trace.time[before], to: trace.time[step] });
    }
    if (trace.event(step) === "received") along.push(messages.ofRow[step]);
  });
  // A message that was selected at its beginning is followed to its end.
  if (["sent", "lost"].includes(trace.event(row)) && messages.ofRow[row] >= 0) along.push(messages.ofRow[row]);
  const places = spread(model, row);
  const reached = places.map(({ row: at }) => at).filter((at) => at >= 0);
  const ways = reached.map((at) => messages.ofRow[at]).filter((i) => i >= 0 && !along.includes(i));
  return {
    steps,
    rows: steps,
    waits,
    chain: along.filter((i) => i >= 0),
    spread: [...new Set(ways)],
    places,
    reached,
  };
}
