// Finds rows by what people type.

const FIELDS = {
  branch: "branch",
  peer: "peer",
  customer: "client",
  client: "client",
  account: "account",
  event: "event",
  kind: "event",
  message: "message",
  origin: "origin",
  reason: "reason",
};

/** The rows that match all words. A word is `field:value`, an event's name, `origin:sequence`, or a part
 * of any text. */
export function search(trace, query) {
  const tests = query.trim().split(/\s+/).filter(Boolean).map((word) => test(trace, word.toLowerCase()));
  if (!tests.length) return [];
  const found = [];
  for (let row = 0; row < trace.length; row += 1) {
    if (tests.every((matches) => matches(row))) found.push(row);
  }
  return found;
}

function test(trace, word) {
  const [name, value] = split(word);
  if (name in FIELDS && value) return equals(trace, FIELDS[name], value);
  const sequence = Number(value);
  if (value !== "" && Number.isInteger(sequence) && /^\d+(\.\d+)?$/.test(name)) {
    return (row) =>
      trace.text("origin", row) === name &&
      trace.number("sequence_from", row) <= sequence &&
      sequence <= trace.number("sequence_through", row);
  }
  if (trace.events.includes(word)) return equals(trace, "event", word);
  if (["greeting", "update", "call", "acknowledgement"].includes(word)) return equals(trace, "message", word);
  return contains(trace, word);
}

function split(word) {
  const colon = word.indexOf(":");
  return colon < 0 ? [word, ""] : [word.slice(0, colon), word.slice(colon + 1)];
}

function equals(trace, column, value) {
  return (row) => trace.text(column, row)?.toLowerCase() === value;
}

/** Texts repeat, so each is looked at once. */
function contains(trace, part) {
  const columns = ["event", "message", "origin", "client", "reason"]
    .map((name) => trace.columns.get(name))
    .filter(Boolean);
  const hits = columns.map(({ values }) => values.map((value) => value.toLowerCase().includes(part)));
  return (row) => columns.some((column, i) => column.raw[row] >= 0 && hits[i][column.raw[row]]);
}
