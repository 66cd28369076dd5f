// Numbers, times and events as people read them.

/** 1234567 as 1,234,567. */
export function grouped(value) {
  if (value === null || value === undefined) return "–";
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A number and a noun: "1 message", "2 branches". */
export function plural(count, noun) {
  if (count === 1) return `1 ${noun}`;
  return `${grouped(count)} ${noun}${noun.endsWith("ch") ? "es" : "s"}`;
}

/** The unit that fits a span of microseconds: its name and size. */
function unitOf(span) {
  if (span >= 2e6) return { name: "s", size: 1e6 };
  if (span >= 2e3) return { name: "ms", size: 1e3 };
  return { name: "µs", size: 1 };
}

/** A span of time: "12.3 ms". */
export function duration(us) {
  const { name, size } = unitOf(2 * Math.abs(us));
  const value = us / size;
  const digits = size === 1 ? 0 : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${name}`;
}

/** An instant, to the microsecond: "12.345 ms", "2.000 123 s". */
export function instant(us) {
  const { name, size } = unitOf(Math.abs(us));
  const text = (us / size).toFixed(size === 1 ? 0 : size === 1e3 ? 3 : 6);
  return `${size === 1e6 ? text.replace(/(\d{3})$/, " $1") : text} ${name}`;
}

/** Round places of an axis within a range: at most about `count`. */
export function ticks(start, end, count) {
  const rough = (end - start) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const places = [];
  for (let i = Math.ceil(start / step); i * step <= end; i += 1) places.push(i * step);
  return { places, step };
}

/** A tick's label, with as many digits as tell it from its neighbour. */
export function tickText(us, step, end) {
  const { name, size } = unitOf(Math.max(end, step * 10));
  const digits = Math.max(0, Math.ceil(-Math.log10(step / size) - 1e-9));
  return `${(us / size).toFixed(digits)} ${name}`;
}

/** What a row says, in one line, without its time and branch. */
export function sentence(trace, row) {
  const number = (name) => trace.number(name, row);
  const text = (name) => trace.text(name, row);
  const money = (name) => grouped(number(name));
  const peer = number("peer") === null ? "all" : `branch ${number("peer")}`;
  const between = number("peer") === null ? "messages from and to it" : `messages to ${peer}`;
  const reason = text("reason") ? `: ${text("reason")}` : "";
  const message = text("message") ?? "message";
  const carried = number("operations") ? ` with ${plural(number("operations"), "operation")}` : "";
  switch (text("event")) {
    case "deposit":
      return `deposited ${money("amount")}, balance ${money("balance")}`;
    case "withdraw":
      return `withdrew ${money("amount")}, balance ${money("balance")}`;
    case "query":
      return `told the balance ${money("balance")}`;
    case "refused":
      return `refused${number("amount") === null ? "" : ` ${money("amount")}`}${reason}`;
    case "sent":
      return `sent ${article(message)}${carried} to ${peer}`;
    case "received":
      return `received ${article(message)}${carried} from ${peer}`;
    case "lost":
      return `${article(message)} to or from ${peer} was lost${reason}`;
    case "doubled":
      return `${article(message)} to or from ${peer} was doubled`;
    case "joined":
      return `learned ${operationName(trace, row)}, balance ${signed(number("amount"))} to ${money("balance")}`;
    case "recovered":
      return `read ${operationName(trace, row)} from its disk, balance ${money("balance")}`;
    case "link-up":
      return `link to ${peer} is up`;
    case "link-down":
      return `link to ${peer} is down${reason}`;
    case "cut":
      return `messages to ${peer} are lost from now on`;
    case "mended":
      return `messages to ${peer} arrive again`;
    case "slowed":
      return `${between} are slow${reason}`;
    case "unslowed":
      return `${between} are as fast as before`;
    case "dropping":
      return `${between} are lost at random${reason}`;
    case "delivering":
      return `${between} are not lost at random any more`;
    case "restarted":
      return `restarted ${text("reason") ?? ""}`.trim();
    default:
      return `${text("event")}${reason}`;
  }
}

/** The operations that a row is about: "2:17", "2:3 to 17". */
export function operationName(trace, row) {
  const [origin, from, through] = [
    trace.text("origin", row),
    trace.number("sequence_from", row),
    trace.number("sequence_through", row),
  ];
  if (origin === null || through === null) return "operations";
  return from === null || from === through ? `${origin}:${through}` : `${origin}:${from} to ${through}`;
}

/** "1:12  2:7": of each origin, how many of its operations. */
export function versionText(version) {
  return version.map(([origin, sequence]) => `${origin}:${sequence}`).join("  ") || "nothing yet";
}

export function signed(value) {
  if (value === null) return "–";
  return value < 0 ? grouped(value) : `+${grouped(value)}`;
}

function article(noun) {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}
