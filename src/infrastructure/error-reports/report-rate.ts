import type { Clock } from '../../common/clock.js';

/** Of one process: as many as this at once, and by the minute. A defect in a busy route fails a thousand times a second. */
export const REPORTS_PER_MINUTE = 30;

/** A bucket of tokens. */
export class ReportRate {
  private tokens = REPORTS_PER_MINUTE;
  private lastMs: number;

  constructor(private readonly clock: Clock) {
    this.lastMs = clock.monotonicMs();
  }

  take(): boolean {
    const nowMs = this.clock.monotonicMs();
    const grown = ((nowMs - this.lastMs) * REPORTS_PER_MINUTE) / 60_000;
    this.tokens = Math.min(REPORTS_PER_MINUTE, this.tokens + grown);
    this.lastMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
