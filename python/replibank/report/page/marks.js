// The shapes that stand for events, on a canvas. The diagram and the legend draw the same ones.

/** Kinds of marks, from the one drawn first to the one on top. `events`: which rows they stand for. */
export const MARKS = [
  { kind: "link", events: ["link-up", "link-down"], label: "link up or down" },
  { kind: "message-end", events: ["sent", "received"], label: "sent or received" },
  { kind: "fault", events: ["killed", "restarted", "paused", "resumed"], label: "fault, or its end" },
  { kind: "joined", events: ["joined", "recovered"], label: "learned from a peer or the disk" },
  { kind: "query", events: ["query"], label: "query" },
  { kind: "deposit", events: ["deposit"], label: "deposit" },
  { kind: "withdraw", events: ["withdraw"], label: "withdrawal" },
  { kind: "refused", events: ["refused"], label: "refused" },
];

const COLOURS = { "message-end": "message", fault: "killed" };

function markColour(theme, kind) {
  return theme[COLOURS[kind] ?? kind];
}

/** Which mark each event has, by the event's code; -1: none of its own. */
export function marksByEvent(events) {
  return Int8Array.from(events, (event) => MARKS.findIndex((mark) => mark.events.includes(event)));
}

const OUTLINED = new Set(["query", "refused", "link"]);

/** Draws marks of one kind at places [x, y, x, y, ...]. */
export function drawMarks(context, theme, kind, places, radius) {
  if (!places.length) return;
  context.beginPath();
  for (let i = 0; i < places.length; i += 2) trace(context, kind, places[i], places[i + 1], radius);
  const colour = markColour(theme, kind);
  if (OUTLINED.has(kind)) {
    if (kind === "query") {
      context.fillStyle = theme.page;
      context.fill();
    }
    context.strokeStyle = colour;
    context.lineWidth = kind === "link" ? 1 : Math.max(1.25, radius * 0.35);
    context.stroke();
  } else {
    context.fillStyle = colour;
    context.fill();
  }
}

function trace(context, kind, x, y, r) {
  switch (kind) {
    case "deposit":
      context.moveTo(x, y - r * 1.15);
      context.lineTo(x + r, y + r * 0.75);
      context.lineTo(x - r, y + r * 0.75);
      context.closePath();
      break;
    case "withdraw":
      context.moveTo(x, y + r * 1.15);
      context.lineTo(x + r, y - r * 0.75);
      context.lineTo(x - r, y - r * 0.75);
      context.closePath();
      break;
    case "joined":
      context.moveTo(x, y - r * 0.8);
      context.lineTo(x + r * 0.8, y);
      context.lineTo(x, y + r * 0.8);
      context.lineTo(x - r * 0.8, y);
      context.closePath();
      break;
    case "refused":
      context.moveTo(x - r * 0.8, y - r * 0.8);
      context.lineTo(x + r * 0.8, y + r * 0.8);
      context.moveTo(x + r * 0.8, y - r * 0.8);
      context.lineTo(x - r * 0.8, y + r * 0.8);
      break;
    case "link":
      context.moveTo(x, y - r);
      context.lineTo(x, y + r);
      break;
    case "fault":
      context.rect(x - r * 0.8, y - r * 0.8, r * 1.6, r * 1.6);
      break;
    case "message-end":
      context.moveTo(x + r * 0.35, y);
      context.arc(x, y, r * 0.35, 0, 2 * Math.PI);
      break;
    default:
      context.moveTo(x + r * 0.75, y);
      context.arc(x, y, r * 0.75, 0, 2 * Math.PI);
  }
}

/** A cross where a message was lost. */
export function crossPath(context, x, y, r) {
  context.moveTo(x - r, y - r);
  context.lineTo(x + r, y + r);
  context.moveTo(x + r, y - r);
  context.lineTo(x - r, y + r);
}

/** An arrow's head at the end of a line from (x0, y0) to (x1, y1). */
export function headPath(context, x0, y0, x1, y1, size) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < size) return;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const [bx, by] = [x1 - ux * size, y1 - uy * size];
  context.moveTo(x1, y1);
  context.lineTo(bx - uy * size * 0.45, by + ux * size * 0.45);
  context.lineTo(bx + uy * size * 0.45, by - ux * size * 0.45);
  context.closePath();
}
