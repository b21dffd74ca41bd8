import type { Clock } from '../../common/clock.js';
import type { ComponentStatus, FailureReason, Finding, HealthCheck, HealthGroup } from './health-check.js';
import { Hysteresis, type HysteresisThresholds } from './hysteresis.js';

type Outcome = { readonly finding: Finding } | { readonly reason: FailureReason };

/** What is known of a component. Durations in whole milliseconds. */
export interface ComponentView {
  readonly name: string;
  readonly group: HealthGroup;
  readonly isCritical: boolean;
  readonly status: ComponentStatus;
  /** Of the last run; null before it has ended. */
  readonly latencyMs: number | null;
  readonly failuresInARow: number;
  /** Why the last run failed; null when it did not. */
  readonly reason: FailureReason | null;
}

/** One check with its deadline, its bulkhead of one, and its status after hysteresis. */
export class CheckedComponent {
  private readonly hysteresis: Hysteresis;
  private running: Promise<Outcome> | null = null;
  private finding: Finding = 'up';
  private reason: FailureReason | null = null;
  private latencyMs: number | null = null;
  private failuresInARow = 0;

  constructor(
    readonly check: HealthCheck,
    private readonly clock: Clock,
    private readonly deadlineMs: number,
    thresholds: HysteresisThresholds,
  ) {
    this.hysteresis = new Hysteresis(thresholds);
  }

  get isInDoubt(): boolean {
    return this.hysteresis.isInDoubt;
  }

  /** Asks once, at most for the deadline. Never rejects. A run that still hangs counts as a failure anew. */
  async probe(): Promise<FailureReason | null> {
    const startMs = this.clock.monotonicMs();
    const outcome: Outcome = this.running === null ? await this.runWithin() : { reason: 'timeout' };
    this.latencyMs = Math.round(this.clock.monotonicMs() - startMs);
    if ('finding' in outcome) {
      this.finding = outcome.finding;
      this.reason = null;
      this.failuresInARow = 0;
    } else {
      this.reason = outcome.reason;
      this.failuresInARow += 1;
    }
    this.hysteresis.observe(this.reason === null);
    return this.reason;
  }

  view(): ComponentView {
    const { name, group, isCritical } = this.check;
    return {
      name,
      group,
      isCritical,
      status: this.hysteresis.isUp === true ? this.finding : 'down',
      latencyMs: this.latencyMs,
      failuresInARow: this.failuresInARow,
      reason: this.reason,
    };
  }

  private async runWithin(): Promise<Outcome> {
    const cancel = new AbortController();
    const run = settle(this.check, cancel.signal).finally(() => {
      this.running = null;
    });
    this.running = run;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome>((resolve) => {
      timer = setTimeout(() => {
        // Timers run before sockets are read: an answer that is there already may still be taken.
        setImmediate(resolve, { reason: 'timeout' });
      }, this.deadlineMs);
    });
    const outcome = await Promise.race([run, late]);
    clearTimeout(timer);
    cancel.abort();
    return outcome;
  }
}

/** The check's own doing, thrown or rejected, never gets out. */
async function settle({ run }: HealthCheck, signal: AbortSignal): Promise<Outcome> {
  try {
    return { finding: await run(signal) };
  } catch {
    return { reason: 'failed' };
  }
}
