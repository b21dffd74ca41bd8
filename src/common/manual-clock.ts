import { Clock } from './clock.js';

/** Stands still until somebody moves it: for tests. Wall and monotonic time are the same. */
export class ManualClock extends Clock {
  constructor(public ms = 0) {
    super();
  }

  override nowMs(): number {
    return this.ms;
  }

  override monotonicMs(): number {
    return this.ms;
  }

  advance(ms: number): void {
    this.ms += ms;
  }
}
