import { StateMachine } from '../../common/state-machine.js';

export type OrderStatus = 'pending_payment' | 'paid' | 'cancelled' | 'expired' | 'refunded';

/** A paid order that is cancelled becomes refunded once its money is back. */
export const orderMachine = new StateMachine<OrderStatus>({
  pending_payment: ['paid', 'cancelled', 'expired'],
  paid: ['cancelled'],
  cancelled: ['refunded'],
  expired: [],
  refunded: [],
});
