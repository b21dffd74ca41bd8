import type { NewEvent } from '../../core/events/index.js';
import type { OrderStatus } from './order-transitions.js';

interface OrderFacts {
  readonly id: string;
  readonly userId: string;
  readonly totalMinor: number;
  readonly currency: string;
}

const TYPE_OF_STATUS: Readonly<Record<OrderStatus, string>> = {
  pending_payment: 'order.placed.v1',
  paid: 'order.paid.v1',
  cancelled: 'order.cancelled.v1',
  expired: 'order.expired.v1',
  refunded: 'order.refunded.v1',
};

/** The event of an order that has just come into a state. */
export function orderEvent(status: OrderStatus, order: OrderFacts): NewEvent {
  const { id, userId, totalMinor, currency } = order;
  return {
    type: TYPE_OF_STATUS[status],
    aggregateId: id,
    payload: { orderId: id, userId, totalMinor, currency },
  };
}
