import type { Clock } from '../../common/clock.js';

export interface PassingValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * What one process at a time measures for the whole fleet. There is nothing before the first measurement, and
 * nothing once the last is older than `freshForMs` says: a process that lost the job, or cannot measure, must not
 * repeat what was true once. So `max()` over the fleet is right, and absence means that nobody measures.
 */
export class PassingValues {
  private values: readonly PassingValue[] = [];
  private measuredAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly freshForMs: () => number,
  ) {}

  get present(): readonly PassingValue[] {
    return this.clock.monotonicMs() - this.measuredAtMs <= this.freshForMs() ? this.values : [];
  }

  /** Takes the place of everything that was measured before. */
  measured(values: readonly PassingValue[]): void {
    this.values = values;
    this.measuredAtMs = this.clock.monotonicMs();
  }
}
