import type { Refusal, RefusalReason } from './circuit-breaker.js';

/**
 * The call was not made. It is an Error by its prototype alone: a refusal must cost less than the call,
 * and the constructor of Error takes as long as the rest of a refusal even when it records no stack.
 */
export class CircuitRefusedError implements Error, Refusal {
  readonly kind = 'refused';
  readonly message: string;

  constructor(
    readonly breaker: string,
    readonly reason: RefusalReason,
    readonly retryAfterMs: number,
  ) {
    this.message = MESSAGES[reason];
  }

  get name(): string {
    return 'CircuitRefusedError';
  }

  /** Where a refusal came from is known. */
  get stack(): string {
    return `${this.name}: ${this.message} (${this.breaker})`;
  }
}

Object.setPrototypeOf(CircuitRefusedError.prototype, Error.prototype);

const MESSAGES: Readonly<Record<RefusalReason, string>> = {
  open: 'the circuit is open',
  probing: 'the circuit is being probed',
  forced_open: 'the circuit is held open',
  concurrency: 'too many calls are running',
};

/** The call did not end by its deadline. Whether it has an effect is not known. */
export class CallTimeoutError extends Error {
  constructor(readonly breaker: string) {
    const { stackTraceLimit } = Error;
    // The timer's stack says nothing of the call.
    Error.stackTraceLimit = 0;
    super('the call did not end by its deadline');
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'CallTimeoutError';
  }
}
