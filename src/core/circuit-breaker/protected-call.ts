import type { Due } from './call-deadlines.js';
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

/** A call that its deadline or its caller may give up on. */
export class ProtectedCall extends SignalHolder implements Due {
  dueMs = 0;
  earlier: Due | null = null;
  later: Due | null = null;
  /** The caller has its answer; the work may still go on. */
  isAnswered = false;
  onDeadline: (() => void) | null = null;

  expire(): void {
    this.onDeadline?.();
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
