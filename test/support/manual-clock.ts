import { Clock } from '../../src/common/clock.js';

/** A clock that stands still until a test moves it. */
export class ManualClock extends Clock {
  constructor(private ms = Date.UTC(2026, 10, 22)) {
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
