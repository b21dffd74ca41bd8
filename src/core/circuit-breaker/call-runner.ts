import type { Clock } from '../../common/clock.js';
import { CallDeadlines } from './call-deadlines.js';
import { outcomeOfError } from './call-outcome.js';
import type { Action, BreakerOptions, CallOutcome, RunningCall } from './circuit-breaker.js';
import { CallTimeoutError } from './circuit-breaker.errors.js';
import { CallCounts, type CallHost, SignalHolder, WatchedCall } from './protected-call.js';

export interface Judge {
  /** Takes the result of a call that was admitted under the generation, or with the lease. */
  settle(
    generation: number,
    leaseId: string | null,
    outcome: CallOutcome,
    durationMs: number,
    nowMs: number,
  ): void;
}

/**
 * Runs calls that were admitted: their deadlines, the aborts of their callers, and the count of those
 * that run. A call runs until its work has ended, even though its caller was told of a timeout before.
 */
export class CallRunner implements CallHost {
  /** Calls on their way, and admissions that are not run yet. */
  running = 0;
  readonly counts = new CallCounts();
  readonly deadlines: CallDeadlines | null;

  constructor(
    private readonly name: string,
    private readonly options: Pick<
      BreakerOptions,
      'timeoutMs' | 'concurrencyMax' | 'outcomeOf' | 'slowCallMs'
    >,
    private readonly clock: Clock,
    private readonly judge: Judge,
  ) {
    this.deadlines = options.timeoutMs > 0 ? new CallDeadlines(options.timeoutMs, clock) : null;
  }

  get hasRoom(): boolean {
    return this.options.concurrencyMax === 0 || this.running < this.options.concurrencyMax;
  }

  /** Runs a call for which `running` was raised. */
  run<T>(
    action: Action<T>,
    generation: number,
    leaseId: string | null,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.deadlines === null && signal === undefined
      ? this.runPlain(action, generation, leaseId)
      : this.runWatched(action, generation, leaseId, signal);
  }

  outcomeOf(error: unknown): CallOutcome {
    try {
      return (this.options.outcomeOf ?? outcomeOfError)(error);
    } catch {
      return 'failure';
    }
  }

  /** Nobody can give up on the call: it needs no promise of its own. */
  private async runPlain<T>(action: Action<T>, generation: number, leaseId: string | null): Promise<T> {
    // Who does not ask how long calls take need not know when they began.
    const startedMs = this.options.slowCallMs > 0 ? this.clock.monotonicMs() : 0;
    let value: T;
    try {
      value = await action(new SignalHolder());
    } catch (error) {
      this.running -= 1;
      this.conclude(generation, leaseId, this.outcomeOf(error), startedMs);
      throw error;
    }
    this.running -= 1;
    this.conclude(generation, leaseId, 'success', startedMs);
    return value;
  }

  private runWatched<T>(
    action: Action<T>,
    generation: number,
    leaseId: string | null,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const startedMs = this.clock.monotonicMs();
      const call = new WatchedCall<T>(this, generation, leaseId, startedMs, signal, resolve, reject);
      start(action, call).then(
        (value) => {
          call.succeed(value);
        },
        (error: unknown) => {
          call.fail(error);
        },
      );
    });
  }

  ended(): void {
    this.running -= 1;
  }

  timedOut(): Error {
    this.counts.outcomes.timeout += 1;
    return new CallTimeoutError(this.name);
  }

  conclude(generation: number, leaseId: string | null, outcome: CallOutcome, startedMs: number): void {
    const nowMs = this.clock.monotonicMs();
    const durationMs = nowMs - startedMs;
    this.counts.outcomes[outcome] += 1;
    if (this.options.slowCallMs > 0 && durationMs >= this.options.slowCallMs) this.counts.slow += 1;
    this.judge.settle(generation, leaseId, outcome, durationMs, nowMs);
  }
}

/** An action that throws before it returns its promise has failed like any other. */
function start<T>(action: Action<T>, call: RunningCall): Promise<T> {
  try {
    return action(call);
  } catch (error) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what the action threw
    return Promise.reject(error);
  }
}
