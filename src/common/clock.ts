/**
 * The only source of time inside a process. Tests inject a clock they move by hand.
 * Times that several processes must agree on come from PostgreSQL or Redis instead.
 */
export abstract class Clock {
  /** Wall time in milliseconds since the Unix epoch. May jump when the host's clock is set. */
  abstract nowMs(): number;

  /** Milliseconds that only grow, with an arbitrary origin: for deadlines and durations. */
  abstract monotonicMs(): number;

  now(): Date {
    return new Date(this.nowMs());
  }
}

export class SystemClock extends Clock {
  override nowMs(): number {
    return Date.now();
  }

  override monotonicMs(): number {
    return performance.now();
  }
}
