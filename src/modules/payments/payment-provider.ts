/** One attempt to take money. The intent's id is the provider's idempotency key: the same id never charges twice. */
export interface ChargeRequest {
  readonly intentId: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** What the buyer's client got from the provider in place of card data. */
  readonly token: string;
}

export type ChargeOutcome =
  { readonly kind: 'succeeded' } | { readonly kind: 'declined'; readonly reason: string };

/** The provider did not answer in time: the charge may or may not have happened. */
export class PaymentTimeoutError extends Error {
  constructor() {
    super('the payment provider did not answer in time');
    this.name = 'PaymentTimeoutError';
  }
}

/** The provider cannot be reached, refuses service, or is not even asked: nothing was charged by this call. */
export class PaymentUnavailableError extends Error {
  constructor(
    cause: unknown,
    /** When it may be worth another try; null when that is not known. */
    readonly retryAfterMs: number | null = null,
  ) {
    super('the payment provider is unavailable', { cause });
    this.name = 'PaymentUnavailableError';
  }
}

/**
 * The port to whoever moves the money. Every method is idempotent by intent id and ends when the signal
 * aborts. Calls are made without any lock or connection held.
 */
export abstract class PaymentProvider {
  abstract readonly name: string;

  /** @throws when the provider fails; an abort of the signal means that the outcome is unknown. */
  abstract charge(request: ChargeRequest, signal: AbortSignal): Promise<ChargeOutcome>;

  /**
   * What has become of an intent. One that the provider never got is voided on its side first, so that a
   * call that is still on its way cannot charge it later, and counts as declined.
   */
  abstract resolve(intentId: string, signal: AbortSignal): Promise<ChargeOutcome>;

  /** Returns the whole charge; without effect when it was returned before. */
  abstract refund(intentId: string, signal: AbortSignal): Promise<void>;
}
