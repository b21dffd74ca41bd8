import type { ScanBudget } from './session-monitor.protocol.js';

export interface PaceOptions {
  readonly budget: ScanBudget;
  /** As many as the run has before it, by the servers' own count. */
  readonly keys: number;
  /** Resolves after so long, or rejects when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly monotonicMs: () => number;
}

/** Shorter rests are not worth a timer: they are added to the next one. */
const REST_MIN_MS = 1;

/**
 * The duty cycle of a run: after each step a rest in proportion to what the step took, so that a run takes
 * the same small share of a fast machine and of a slow or busy one. When that would make the run longer than
 * the budget allows, the rests are as long as what is left of the time affords, down to none.
 */
export class ScanPace {
  private readonly startedAtMs: number;
  private readonly slices: number;
  private stepStartedAtMs: number;
  private workedMs = 0;
  private owedMs = 0;
  private slicesDone = 0;

  constructor(private readonly options: PaceOptions) {
    this.startedAtMs = options.monotonicMs();
    this.stepStartedAtMs = this.startedAtMs;
    this.slices = Math.max(1, options.keys / options.budget.count);
  }

  /** One more slice of the keyspace has been asked for. */
  countSlice(): void {
    this.slicesDone += 1;
  }

  /** Ends a step, and returns when the next one may begin. */
  async rest(signal: AbortSignal): Promise<void> {
    const tookMs = this.options.monotonicMs() - this.stepStartedAtMs;
    this.workedMs += tookMs;
    this.owedMs += tookMs * this.restPerWork();
    if (this.owedMs >= REST_MIN_MS) {
      const restMs = Math.round(this.owedMs);
      this.owedMs = 0;
      await this.options.pause(restMs, signal);
    }
    this.stepStartedAtMs = this.options.monotonicMs();
  }

  private restPerWork(): number {
    const { budget, monotonicMs } = this.options;
    // SCAN may take more slices than the count of keys says.
    const leftSlices = Math.max(1, this.slices - this.slicesDone);
    const leftWorkMs = (this.workedMs / Math.max(1, this.slicesDone)) * leftSlices;
    const leftMs = budget.paceMs - (monotonicMs() - this.startedAtMs);
    return Math.max(0, Math.min(100 / budget.busyPercent - 1, leftMs / leftWorkMs - 1));
  }
}
