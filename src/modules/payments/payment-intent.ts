import { StateMachine } from '../../common/state-machine.js';

/**
 * `processing`: committed before the provider is called, outcome unknown. `abandoned`: the provider
 * never got it. `refund_pending`: the money is to be returned. The others are final.
 */
export type PaymentIntentStatus =
  'processing' | 'succeeded' | 'declined' | 'abandoned' | 'refund_pending' | 'refunded';

export const paymentIntentMachine = new StateMachine<PaymentIntentStatus>({
  processing: ['succeeded', 'declined', 'abandoned', 'refund_pending'],
  // The buyer came back with the key of a payment that the provider never got.
  abandoned: ['processing'],
  succeeded: ['refund_pending'],
  refund_pending: ['refunded'],
  declined: [],
  refunded: [],
});

export interface PaymentIntent {
  readonly id: string;
  readonly orderId: string;
  readonly provider: string;
  readonly status: PaymentIntentStatus;
  readonly amountMinor: number;
  readonly currency: string;
  readonly idempotencyKey: string;
  readonly requestFingerprint: Buffer;
}
