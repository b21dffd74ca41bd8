import { StateMachine } from '../../common/state-machine.js';

/**
 * `processing`: committed before the provider is called, outcome unknown. `refund_pending`: the money is
 * to be returned. The others are final.
 */
export type PaymentIntentStatus = 'processing' | 'succeeded' | 'declined' | 'refund_pending' | 'refunded';

export const paymentIntentMachine = new StateMachine<PaymentIntentStatus>({
  processing: ['succeeded', 'declined', 'refund_pending'],
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
