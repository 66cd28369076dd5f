// Colours, as the style sheet has them for light and dark.

const NAMES = [
  "page",
  "panel",
  "line",
  "text",
  "muted",
  "faint",
  "accent",
  "cursor",
  "found",
  "deposit",
  "withdraw",
  "query",
  "refused",
  "joined",
  "link",
  "message",
  "acknowledgement",
  "lost",
  "partition",
  "partition-2",
  "killed",
  "paused",
  "slow",
  "loss",
  "spread",
];

const BRANCHES_MAX = 8;

export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(`--${name}`).trim();
  const theme = Object.fromEntries(NAMES.map((name) => [name, value(name)]));
  theme.branches = Array.from({ length: BRANCHES_MAX }, (_, i) => value(`branch-${i + 1}`));
  theme.font = `12px ${value("font")}`;
  theme.small = `11px ${value("font")}`;
  theme.tiny = `9px ${value("font")}`;
  return theme;
}

/** A branch's colour; where there are too many to tell apart, all have one. */
export function branchColour(theme, lane, count) {
  return count <= BRANCHES_MAX ? theme.branches[lane] : theme.muted;
}

/** Calls back when the system goes from light to dark or back. */
export function onThemeChange(callback) {
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
}
