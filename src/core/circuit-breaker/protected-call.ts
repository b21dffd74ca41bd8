import type { CallDeadlines, Due } from './call-deadlines.js';
import type { CallOutcome, RunningCall } from './circuit-breaker.js';

/** The signal of a call. Most actions never ask for it, and making one costs more than the rest of a call. */
export class SignalHolder implements RunningCall {
  private controller: AbortController | null = null;
  private givenUp: { readonly reason: unknown } | null = null;

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.givenUp !== null) this.controller.abort(this.givenUp.reason);
    return this.controller.signal;
  }

  giveUp(reason: unknown): void {
    this.givenUp = { reason };
    this.controller?.abort(reason);
  }
}

/** What a watched call needs of whoever runs it. */
export interface CallHost {
  readonly deadlines: CallDeadlines | null;
  /** Counts what the caller is told of a call, and has it judged. */
  conclude(generation: number, leaseId: string | null, outcome: CallOutcome, startedMs: number): void;
  /** The work has ended, whether or not somebody still waits for it. */
  ended(): void;
  timedOut(): Error;
  outcomeOf(error: unknown): CallOutcome;
}

/**
 * A call that its deadline or its caller may give up on, with the promise that the caller has. One object with
 * methods: closures for each of them would cost half as much again as the rest of a call.
 */
export class WatchedCall<T> extends SignalHolder implements Due {
  dueMs = 0;
  earlier: Due | null = null;
  later: Due | null = null;
  /** The caller has its answer; the work may still go on. */
  private isAnswered = false;
  private onAbort: (() => void) | null = null;

  constructor(
    private readonly host: CallHost,
    private readonly generation: number,
    private readonly leaseId: string | null,
    private readonly startedMs: number,
    private readonly caller: AbortSignal | undefined,
    private readonly resolve: (value: T) => void,
    private readonly reject: (reason: unknown) => void,
  ) {
    super();
    host.deadlines?.add(this, startedMs);
    if (caller === undefined) return;
    this.onAbort = () => {
      host.deadlines?.remove(this);
      this.giveUpWith('ignored', caller.reason);
    };
    caller.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Its deadline has passed. */
  expire(): void {
    this.giveUpWith('failure', this.host.timedOut());
  }

  succeed(value: T): void {
    if (!this.end()) return;
    this.conclude('success');
    this.resolve(value);
  }

  fail(error: unknown): void {
    if (!this.end()) return;
    this.conclude(this.host.outcomeOf(error));
    this.reject(error);
  }

  /** Tells the caller before the work has ended, which is asked to end. */
  private giveUpWith(outcome: CallOutcome, reason: unknown): void {
    this.answer();
    this.conclude(outcome);
    this.reject(reason);
    this.giveUp(reason);
  }

  private conclude(outcome: CallOutcome): void {
    this.host.conclude(this.generation, this.leaseId, outcome, this.startedMs);
  }

  /** False when the caller was answered before. */
  private end(): boolean {
    this.host.ended();
    if (this.isAnswered) return false;
    this.host.deadlines?.remove(this);
    this.answer();
    return true;
  }

  private answer(): void {
    this.isAnswered = true;
    if (this.onAbort !== null) this.caller?.removeEventListener('abort', this.onAbort);
  }
}

/** Results by kind since the start of the process. A timeout is a failure, too. */
export class CallCounts {
  readonly outcomes: Record<CallOutcome | 'timeout' | 'stale', number> = {
    success: 0,
    failure: 0,
    timeout: 0,
    ignored: 0,
    stale: 0,
  };
  slow = 0;
}
