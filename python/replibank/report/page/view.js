// Which part of the diagram is seen: time to x, lane to y, and back. Pixels are those of CSS.

/** The smallest window of time. */
const SPAN_MIN_US = 5;
const LANE_MIN = 9;
const LANE_MAX = 280;

export class View {
  /** `margins`: pixels left of the lanes (names), above (axis, faults) and right. */
  constructor(start, end, lanes, margins) {
    const slack = Math.max((end - start) * 0.01, 1);
    this.all = { start: start - slack, end: end + slack };
    this.start = this.all.start;
    this.end = this.all.end;
    this.margins = margins;
    this.width = 1;
    this.height = 1;
    this.scroll = 0;
    this.show(Array.from({ length: lanes }, (_, lane) => lane), lanes);
  }

  /** Lanes that are shown, from the top. */
  show(lanes, count = this.rowOfLane.length) {
    this.lanes = lanes;
    this.rowOfLane = new Int32Array(count).fill(-1);
    lanes.forEach((lane, row) => {
      this.rowOfLane[lane] = row;
    });
    this.clamp();
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.clamp();
  }

  get plotWidth() {
    return Math.max(1, this.width - this.margins.left - this.margins.right);
  }

  get plotHeight() {
    return Math.max(1, this.height - this.margins.top - this.margins.bottom);
  }

  get laneHeight() {
    return Math.min(LANE_MAX, Math.max(LANE_MIN, this.plotHeight / Math.max(1, this.lanes.length)));
  }

  get perPixel() {
    return (this.end - this.start) / this.plotWidth;
  }

  x(time) {
    return this.margins.left + (time - this.start) / this.perPixel;
  }

  time(x) {
    return this.start + (x - this.margins.left) * this.perPixel;
  }

  /** The middle of a lane; NaN if it is hidden. */
  y(lane) {
    const row = this.rowOfLane[lane];
    return row < 0 ? NaN : this.margins.top + (row + 0.5) * this.laneHeight - this.scroll;
  }

  /** The lane at a height, or -1. */
  laneAt(y) {
    const row = Math.floor((y - this.margins.top + this.scroll) / this.laneHeight);
    return y < this.margins.top ? -1 : (this.lanes[row] ?? -1);
  }

  isShown(lane) {
    return this.rowOfLane[lane] >= 0;
  }

  /** Makes the window `factor` times as long, and leaves what is at `x` where it is. */
  zoom(factor, x = this.margins.left + this.plotWidth / 2) {
    const at = this.time(x);
    const whole = this.all.end - this.all.start;
    const span = Math.min(whole, Math.max(SPAN_MIN_US, (this.end - this.start) * factor));
    const share = (at - this.start) / (this.end - this.start);
    this.start = at - share * span;
    this.end = this.start + span;
    this.clamp();
  }

  pan(dx, dy = 0) {
    const time = dx * this.perPixel;
    this.start += time;
    this.end += time;
    this.scroll += dy;
    this.clamp();
  }

  window(start, end) {
    this.start = start;
    this.end = Math.max(end, start + SPAN_MIN_US);
    this.clamp();
  }

  fit() {
    this.window(this.all.start, this.all.end);
  }

  /** Moves the window as little as shows the time (and the lane), with some room around it. */
  reveal(time, lane = -1) {
    const room = 0.1 * (this.end - this.start);
    if (time < this.start + room) this.pan((time - room - this.start) / this.perPixel);
    else if (time > this.end - room) this.pan((time + room - this.end) / this.perPixel);
    if (lane < 0 || !this.isShown(lane)) return;
    const top = this.y(lane) - this.laneHeight / 2 - this.margins.top;
    const below = this.y(lane) + this.laneHeight / 2 - (this.height - this.margins.bottom);
    if (top < 0) this.pan(0, top);
    else if (below > 0) this.pan(0, below);
  }

  /** What is seen of all lanes: from where and how much, as shares. */
  get seenLanes() {
    const all = Math.max(1, this.lanes.length * this.laneHeight);
    return { from: this.scroll / all, share: Math.min(1, this.plotHeight / all) };
  }

  clamp() {
    const span = Math.min(this.end - this.start, this.all.end - this.all.start);
    this.start = Math.max(this.all.start, Math.min(this.start, this.all.end - span));
    this.end = this.start + span;
    const tallest = Math.max(0, this.lanes.length * this.laneHeight - this.plotHeight);
    this.scroll = Math.max(0, Math.min(this.scroll, tallest));
  }
}
