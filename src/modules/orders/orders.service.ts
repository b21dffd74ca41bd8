import { Injectable } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import type { Principal } from '../../core/access-control/index.js';
import type { AuditedBy } from '../../core/audit-log/index.js';
import { EventOutbox } from '../../core/events/index.js';
import { FieldEncryption } from '../../core/field-encryption/index.js';
import { ReadConsistency } from '../../core/read-consistency/index.js';
import { stockChanged, StockRepository } from '../inventory/index.js';
import { type PaymentIntent, PaymentIntentsRepository } from '../payments/index.js';
import { type OrderView, viewOf } from './order.js';
import { addressContext } from './order-checkout.service.js';
import { OrderPaymentService } from './order-payment.service.js';
import { orderEvent } from './orders.events.js';
import { OrdersRepository, type SqlTransaction } from './orders.repository.js';

export interface OrderDetails extends OrderView {
  readonly shippingAddress: unknown;
}

/** A buyer's own orders: reading and cancelling them. Another's order is not found. */
@Injectable()
export class OrdersService {
  constructor(
    private readonly orders: OrdersRepository,
    private readonly stock: StockRepository,
    private readonly intents: PaymentIntentsRepository,
    private readonly orderPayments: OrderPaymentService,
    private readonly outbox: EventOutbox,
    private readonly encryption: FieldEncryption,
    private readonly consistency: ReadConsistency,
  ) {}

  /** @throws Problem ORDER_NOT_FOUND */
  async get(principal: Principal, orderId: string, consistency?: string): Promise<OrderDetails> {
    const floor = await this.consistency.floorFor(principal.userId, consistency);
    const order = await this.orders.findOwned(orderId, principal.userId, floor);
    if (order === null) throw new Problem('ORDER_NOT_FOUND');
    const address = this.encryption.decrypt(
      order.shippingAddressCiphertext,
      addressContext(principal.userId),
    );
    return { ...viewOf(order), shippingAddress: JSON.parse(address) as unknown };
  }

  async list(
    principal: Principal,
    page: { beforeId: string | null; limit: number },
    consistency?: string,
  ): Promise<OrderView[]> {
    const floor = await this.consistency.floorFor(principal.userId, consistency);
    return (await this.orders.list(principal.userId, page, floor)).map(viewOf);
  }

  /**
   * Cancels an order: an unpaid one gives its reservation back, a paid one its units and its money.
   * Cancelling again changes nothing. @throws Problem ORDER_NOT_FOUND, ORDER_NOT_CANCELLABLE
   */
  async cancel(principal: Principal, orderId: string, by: AuditedBy): Promise<OrderDetails> {
    const refundable = await this.orders.transaction((transaction) =>
      this.cancelLocked(transaction, principal.userId, orderId, by),
    );
    if (refundable !== null) await this.orderPayments.refund(refundable, by);
    await this.consistency.recordWrite(principal.userId);
    return this.get(principal, orderId);
  }

  /** The intent whose money is to be returned, null when there is none. */
  private async cancelLocked(
    transaction: SqlTransaction,
    userId: string,
    orderId: string,
    by: AuditedBy,
  ): Promise<PaymentIntent | null> {
    const order = await this.orders.lockOwned(transaction, orderId, userId);
    if (order === null) throw new Problem('ORDER_NOT_FOUND');
    if (order.status === 'cancelled' || order.status === 'refunded') return null;
    if (order.status === 'expired') {
      throw new Problem('ORDER_NOT_CANCELLABLE', { extensions: { orderStatus: order.status } });
    }

    const lines = await this.orders.findLines(transaction, [orderId]);
    await this.stock.lock(
      transaction,
      lines.map(({ variantId }) => variantId),
    );
    const levels = await this.stock.move(transaction, order.status === 'paid' ? 'return' : 'release', lines);
    await this.orders.transition(transaction, [orderId], 'cancelled');
    await this.outbox.append(transaction, [orderEvent('cancelled', order, by), ...levels.map(stockChanged)]);
    if (order.status !== 'paid') return null;

    const paid = (await this.intents.findAll(transaction, orderId)).find(
      ({ status }) => status === 'succeeded',
    );
    if (paid === undefined) throw new Error('a paid order has no payment');
    await this.intents.transition(transaction, paid.id, 'refund_pending');
    return { ...paid, status: 'refund_pending' };
  }
}
