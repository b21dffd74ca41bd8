/** As in window-take.lua: up to so many points a window is exact. */
export const EXACT_LIMIT_MAX = 128;
const CELLS = 64;
const RECORDS_MAX = 130;
/** A record is a time and a sum. */
const FIELDS = 2;
/** Never written to. */
const NO_RECORDS: number[] = [];
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
  /** Time and sum of each record, one behind the other. None until there is a point: most windows stay small. */
  private records: number[] = NO_RECORDS;
  /** Where the first record that is not expired begins. */
  private first = 0;
  private base = 0;
  private blockedUntilMs = 0;

  /** Points in the window. */
  used(nowMs: number, { windowMs }: WindowTerms): number {
    this.expire(nowMs - windowMs);
    return this.sum - this.base;
  }

  /** Adds points whether there is room or not. `leadMs` postdates them. */
  add(points: number, nowMs: number, terms: WindowTerms, leadMs = 0): void {
    const { records } = this;
    const sum = this.sum + points;
    const { newestMs } = this;
    const atMs = Math.max(newestMs, Math.floor(nowMs) + leadMs);
    if (records.length === 0) {
      this.records = [atMs, sum];
      return;
    }
    const cellMs = terms.limit > EXACT_LIMIT_MAX ? Math.max(1, Math.floor(terms.windowMs / CELLS)) : 1;
    const isShared =
      newestMs !== -1 &&
      (records.length - this.first >= FIELDS * RECORDS_MAX ||
        Math.floor(atMs / cellMs) === Math.floor(newestMs / cellMs));
    if (isShared) {
      records[records.length - 2] = atMs;
      records[records.length - 1] = sum;
    } else {
      records.push(atMs, sum);
    }
  }

  /** Takes the newest points out again, as far as there are any. */
  remove(points: number): void {
    const { records } = this;
    const sum = this.sum - points;
    if (sum <= this.base) {
      this.clear();
      return;
    }
    while ((records[records.length - 1 - FIELDS] ?? this.base) >= sum) records.length -= FIELDS;
    records[records.length - 1] = sum;
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
    let [from, to] = [this.first / FIELDS, this.records.length / FIELDS - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.records[FIELDS * middle + 1] ?? 0) - this.base >= lack) to = middle;
      else from = middle + 1;
    }
    return Math.max(blockedMs, (this.records[FIELDS * from] ?? 0) + terms.windowMs - nowMs);
  }

  /** Milliseconds until the window is empty. */
  resetMs(nowMs: number, { windowMs }: WindowTerms): number {
    const { newestMs } = this;
    return newestMs === -1 ? 0 : Math.max(0, newestMs + windowMs - nowMs);
  }

  /** All points up to the newest record. */
  private get sum(): number {
    return this.records.length === 0 ? this.base : (this.records[this.records.length - 1] ?? 0);
  }

  /** Time of the newest record; -1 when all are expired. */
  private get newestMs(): number {
    return this.records.length > this.first ? (this.records[this.records.length - 2] ?? -1) : -1;
  }

  private expire(edgeMs: number): void {
    const { records } = this;
    while (this.first < records.length && (records[this.first] ?? 0) <= edgeMs) {
      this.base = records[this.first + 1] ?? 0;
      this.first += FIELDS;
    }
    if (this.first === records.length) this.clear();
    else if (this.first > FIELDS * EXPIRED_MAX) {
      records.splice(0, this.first);
      this.first = 0;
    }
  }

  private clear(): void {
    this.records = NO_RECORDS;
    this.first = 0;
    this.base = 0;
  }
}
