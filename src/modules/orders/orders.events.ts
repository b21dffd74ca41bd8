import { auditNote, type AuditedBy } from '../../core/audit-log/index.js';
import type { NewEvent } from '../../core/events/index.js';
import type { OrderStatus } from './order-transitions.js';

interface OrderFacts {
  readonly id: string;
  readonly userId: string;
  readonly totalMinor: number;
  readonly currency: string;
  /** Of an order that has just been placed. */
  readonly number?: string;
  /** What it was until now; of no meaning for one that has just been placed. */
  readonly status: OrderStatus;
}

const TYPE_OF_STATUS: Readonly<Record<OrderStatus, string>> = {
  pending_payment: 'order.placed.v1',
  paid: 'order.paid.v1',
  cancelled: 'order.cancelled.v1',
  expired: 'order.expired.v1',
  refunded: 'order.refunded.v1',
};

const ACTION_OF_STATUS: Readonly<Record<OrderStatus, string>> = {
  pending_payment: 'order.placed',
  paid: 'order.paid',
  cancelled: 'order.cancelled',
  expired: 'order.expired',
  refunded: 'order.refunded',
};

/** The event of an order that has just come into a state, and what the audit log says of it. */
export function orderEvent(status: OrderStatus, order: OrderFacts, by: AuditedBy): NewEvent {
  const { id, userId, totalMinor, currency, number } = order;
  return {
    type: TYPE_OF_STATUS[status],
    aggregateId: id,
    payload: { orderId: id, userId, totalMinor, currency },
    isBroadcast: false,
    traceparent: by.origin?.traceparent,
    audit: auditNote({
      actor: by.actor,
      origin: by.origin,
      action: ACTION_OF_STATUS[status],
      resource: `order:${id}`,
      before: status === 'pending_payment' ? undefined : { status: order.status },
      after: { status, number, totalMinor, currency },
    }),
  };
}
