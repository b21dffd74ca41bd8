import type { Clock } from '../../common/clock.js';
import type { Metrics, PassingValues } from '../../infrastructure/metrics/index.js';

/** Share of the time that a watch may spend measuring: whatever it measures grows with the shop. */
const BUSY_SHARE_MAX = 0.05;
/** A measurement is told for so many pauses, so that one that fails leaves no gap. */
const FRESH_PAUSES = 3;

export interface WatchOptions {
  /** Least pause between two measurements. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Measures something of the whole fleet again and again, and tells it while it is fresh. */
export class Watch {
  private currentPauseMs: number;

  constructor(
    private readonly measure: () => Promise<void>,
    private readonly options: WatchOptions,
  ) {
    this.currentPauseMs = options.intervalMs;
  }

  /** Until the next measurement. */
  get pauseMs(): number {
    return this.currentPauseMs;
  }

  gauge(description: { readonly name: string; readonly help: string }): PassingValues {
    const { clock, metrics } = this.options;
    return metrics.passing({ ...description, clock, freshForMs: () => FRESH_PAUSES * this.pauseMs });
  }

  /** One measurement; a slow one, also when it fails, makes the pause behind it longer. */
  async run(): Promise<void> {
    const { clock, intervalMs } = this.options;
    const startMs = clock.monotonicMs();
    try {
      await this.measure();
    } finally {
      const spentMs = clock.monotonicMs() - startMs;
      this.currentPauseMs = Math.max(intervalMs, spentMs * (1 / BUSY_SHARE_MAX - 1));
    }
  }
}
