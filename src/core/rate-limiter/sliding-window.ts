/** As in window-take.lua: up to so many points a window is exact. */
export const EXACT_LIMIT_MAX = 128;
const CELLS = 64;
const RECORDS_MAX = 130;
/** Expired records that may stand at the front before they are cut off. */
const EXPIRED_MAX = 32;

export interface WindowTerms {
  readonly limit: number;
  readonly windowMs: number;
}

/**
 * The points of one subject under one policy in the memory of this process: the algorithm of
 * window-take.lua, whose header explains the records. Constant memory, and constant time but for the
 * search of a denial.
 */
export class SlidingWindow {
  private times: number[] = [];
  private sums: number[] = [];
  private first = 0;
  private base = 0;
  private blockedUntilMs = 0;

  /** Points in the window. */
  used(nowMs: number, { windowMs }: WindowTerms): number {
    this.expire(nowMs - windowMs);
    return (this.sums.at(-1) ?? this.base) - this.base;
  }

  /** Adds points whether there is room or not. `leadMs` postdates them. */
  add(points: number, nowMs: number, terms: WindowTerms, leadMs = 0): void {
    const { times, sums } = this;
    const last = times.length - 1;
    const sum = (sums[last] ?? this.base) + points;
    const newest = last < this.first ? -1 : (times[last] ?? -1);
    const atMs = Math.max(newest, Math.floor(nowMs) + leadMs);
    const cellMs = terms.limit > EXACT_LIMIT_MAX ? Math.max(1, Math.floor(terms.windowMs / CELLS)) : 1;
    const isShared =
      newest !== -1 &&
      (last - this.first + 1 >= RECORDS_MAX || Math.floor(atMs / cellMs) === Math.floor(newest / cellMs));
    if (isShared) {
      times[last] = atMs;
      sums[last] = sum;
    } else {
      times.push(atMs);
      sums.push(sum);
    }
  }

  /** Takes the newest points out again, as far as there are any. */
  remove(points: number): void {
    const { times, sums } = this;
    const sum = (sums.at(-1) ?? this.base) - points;
    if (sum <= this.base) {
      this.clear();
      return;
    }
    while ((sums.at(-2) ?? this.base) >= sum) {
      times.pop();
      sums.pop();
    }
    sums[sums.length - 1] = sum;
  }

  /** Refuses for so long from now; a longer block stays. */
  block(durationMs: number, nowMs: number): void {
    this.blockedUntilMs = Math.max(this.blockedUntilMs, Math.floor(nowMs) + durationMs);
  }

  isBlocked(nowMs: number): boolean {
    return this.blockedUntilMs > nowMs;
  }

  /** Milliseconds until so many points can be had; 0 at once, Infinity never. */
  retryMs(points: number, nowMs: number, terms: WindowTerms): number {
    if (points > terms.limit) return Infinity;
    const blockedMs = Math.max(0, this.blockedUntilMs - nowMs);
    const lack = this.used(nowMs, terms) + points - terms.limit;
    if (lack <= 0) return blockedMs;
    let [from, to] = [this.first, this.sums.length - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.sums[middle] ?? 0) - this.base >= lack) to = middle;
      else from = middle + 1;
    }
    return Math.max(blockedMs, (this.times[from] ?? 0) + terms.windowMs - nowMs);
  }

  /** Milliseconds until the window is empty. */
  resetMs(nowMs: number, { windowMs }: WindowTerms): number {
    const newest = this.times.length > this.first ? this.times.at(-1) : undefined;
    return newest === undefined ? 0 : Math.max(0, newest + windowMs - nowMs);
  }

  private expire(edgeMs: number): void {
    const { times, sums } = this;
    while (this.first < times.length && (times[this.first] ?? 0) <= edgeMs) {
      this.base = sums[this.first] ?? 0;
      this.first += 1;
    }
    if (this.first === times.length) this.clear();
    else if (this.first > EXPIRED_MAX) {
      times.splice(0, this.first);
      sums.splice(0, this.first);
      this.first = 0;
    }
  }

  private clear(): void {
    if (this.times.length > 0) {
      this.times = [];
      this.sums = [];
    }
    this.first = 0;
    this.base = 0;
  }
}
