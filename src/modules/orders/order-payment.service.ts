import { Injectable } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import type { Principal } from '../../core/access-control/index.js';
import { type AuditedBy, auditedBySystem } from '../../core/audit-log/index.js';
import { EventOutbox, type NewEvent } from '../../core/events/index.js';
import {
  fingerprintOf,
  IdempotencyScope,
  IdempotencyStore,
  type StoredAnswer,
} from '../../core/idempotency/index.js';
import { ReadConsistency } from '../../core/read-consistency/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { stockChanged, StockRepository } from '../inventory/index.js';
import {
  type ChargeLeave,
  type ChargeOutcome,
  type PaymentIntent,
  PaymentIntentsRepository,
  PaymentsService,
  PaymentTimeoutError,
  PaymentUnavailableError,
} from '../payments/index.js';
import type { PayOrderDto } from './dto/pay-order.dto.js';
import { orderEvent } from './orders.events.js';
import { type LockedOrder, OrdersRepository, type SqlTransaction } from './orders.repository.js';

const PAY_ORDER_ROUTE = 'POST /orders/:id/payments';

/** A reservation outlives the calls of its payment: the first one, and one that resumes it. */
const HOLD_FACTOR = 3;

/** Who settles what nobody asks about any more. */
export const RECONCILER = auditedBySystem('payment-reconciler');

type Begun =
  | { readonly kind: 'stored'; readonly answer: StoredAnswer }
  | { readonly kind: 'charge'; readonly intent: PaymentIntent; readonly leave: ChargeLeave };

/** Leave to call the provider, or why it is not to be called. */
type Leave = ChargeLeave | PaymentUnavailableError;

interface Attempt {
  readonly scope: IdempotencyScope;
  readonly fingerprint: Buffer;
  readonly orderId: string;
  readonly provider: string;
}

/**
 * Pays orders in three steps, none of which holds a lock across the network: the intent is committed,
 * the provider is called with the intent's id as its key, and the outcome is settled together with
 * the order, the stock and the stored answer. Whoever comes later with the same key, or the reconciler,
 * goes on where a lost answer or a dead process left off. Leave to call the provider is asked for first:
 * while its circuit is open no intent is made, and an order that has none stays free for any key.
 */
@Injectable()
export class OrderPaymentService {
  private readonly completed;

  constructor(
    private readonly config: AppConfig,
    private readonly idempotency: IdempotencyStore,
    private readonly orders: OrdersRepository,
    private readonly intents: PaymentIntentsRepository,
    private readonly payments: PaymentsService,
    private readonly stock: StockRepository,
    private readonly outbox: EventOutbox,
    private readonly consistency: ReadConsistency,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.completed = metrics.counter({ name: 'orders_completed_total', help: 'Orders that were paid' });
  }

  /**
   * The stored answer of the payment: 201, or the problem document of a decline or of a late charge.
   * @throws Problem for what is not stored: an unknown order, one that cannot be paid, a provider that
   * does not answer.
   */
  async pay(
    principal: Principal,
    orderId: string,
    key: string,
    dto: PayOrderDto,
    by: AuditedBy,
  ): Promise<StoredAnswer> {
    const fingerprint = fingerprintOf([orderId, dto.provider, dto.token]);
    const scope = new IdempotencyScope(principal.userId, PAY_ORDER_ROUTE, key);
    const leave = await this.payments.admitCharge(dto.provider);
    const begun = await this.beginWith(leave, { scope, fingerprint, orderId, provider: dto.provider });
    if (begun.kind === 'stored') return begun.answer;
    const outcome = await this.charge(begun.leave, begun.intent, dto.token);
    const answer = await this.settle(begun.intent, outcome, principal.userId, by);
    await this.consistency.recordWrite(principal.userId);
    return answer;
  }

  /**
   * Gives an intent its outcome, once: whoever comes second gets the answer that the first one stored.
   * A charge for an order that no longer waits for it is returned.
   */
  async settle(
    intent: PaymentIntent,
    outcome: ChargeOutcome,
    userId: string,
    by: AuditedBy,
  ): Promise<StoredAnswer> {
    const scope = new IdempotencyScope(userId, PAY_ORDER_ROUTE, intent.idempotencyKey);
    const settled = await this.orders.transaction(async (transaction) => {
      const order = await this.orders.lock(transaction, intent.orderId);
      const [stored] = await this.idempotency.find(transaction, [scope]);
      if (stored !== undefined && stored !== null)
        return { answer: stored, isPaid: false, isRefundDue: false };
      const { answer, events, isRefundDue } = await this.apply(transaction, order, { intent, outcome, by });
      await this.outbox.append(transaction, events);
      await this.idempotency.record(transaction, [{ ...answer, scope }]);
      return { answer, isPaid: answer.status === 201, isRefundDue };
    });
    if (settled.isPaid) this.completed.inc();
    if (settled.isRefundDue) await this.refund(intent, by);
    return settled.answer;
  }

  /** Returns the money of an intent that is to be refunded. A failure leaves it to the reconciler. */
  async refund(intent: PaymentIntent, by: AuditedBy = RECONCILER): Promise<void> {
    try {
      await this.payments.refund(intent);
    } catch (error) {
      this.logger.warn(
        { intentId: intent.id, reason: String(error) },
        'a refund did not go through; it will be tried again',
      );
      await this.intents.touch(intent.id);
      return;
    }
    await this.orders.transaction(async (transaction) => {
      const order = await this.orders.lock(transaction, intent.orderId);
      if (!(await this.intents.transition(transaction, intent.id, 'refunded'))) return;
      if (order.status !== 'cancelled') return;
      await this.orders.transition(transaction, [order.id], 'refunded');
      await this.outbox.append(transaction, [orderEvent('refunded', order, by)]);
    });
  }

  /** Gives the leave back unless it is to be used. */
  private async beginWith(leave: Leave, attempt: Attempt): Promise<Begun> {
    let isUsed = false;
    try {
      const begun = await this.orders.transaction((transaction) => this.begin(transaction, leave, attempt));
      isUsed = begun.kind === 'charge';
      return begun;
    } finally {
      if (!isUsed && !(leave instanceof PaymentUnavailableError)) leave.release();
    }
  }

  private async begin(
    transaction: SqlTransaction,
    leave: Leave,
    { scope, fingerprint, orderId, provider }: Attempt,
  ): Promise<Begun> {
    const [isClaimed] = await this.idempotency.claim(transaction, [scope]);
    if (isClaimed !== true) throw new Problem('IDEMPOTENCY_KEY_IN_PROGRESS', { retryAfterSeconds: 1 });
    const [stored] = await this.idempotency.find(transaction, [scope]);
    if (stored !== undefined && stored !== null) {
      if (!stored.fingerprint.equals(fingerprint)) throw new Problem('IDEMPOTENCY_KEY_REUSED');
      return { kind: 'stored', answer: stored };
    }

    const order = await this.orders.lockOwned(transaction, orderId, scope.principalId);
    if (order === null) throw new Problem('ORDER_NOT_FOUND');
    const intents = await this.intents.findAll(transaction, orderId);
    const own = intents.find(({ idempotencyKey }) => idempotencyKey === scope.key);
    if (own !== undefined && !own.requestFingerprint.equals(fingerprint))
      throw new Problem('IDEMPOTENCY_KEY_REUSED');
    // Its outcome must be learnt whatever has become of the order.
    if (own?.status === 'processing') return { kind: 'charge', intent: own, leave: granted(leave) };
    if (order.status !== 'pending_payment' || !order.isReserved) {
      throw new Problem('ORDER_NOT_PAYABLE', {
        extensions: { orderStatus: order.status === 'pending_payment' ? 'expired' : order.status },
      });
    }
    if (intents.some(({ status }) => status === 'processing')) {
      throw new Problem('PAYMENT_IN_PROGRESS', { retryAfterSeconds: 1 });
    }
    const usable = granted(leave);
    await this.orders.extendReservation(
      transaction,
      orderId,
      HOLD_FACTOR * this.config.env.PAYMENT_PROVIDER_TIMEOUT_MS,
    );
    const { totalMinor: amountMinor, currency } = order;
    const intent = await this.intents.insert(transaction, {
      orderId,
      provider,
      amountMinor,
      currency,
      idempotencyKey: scope.key,
      requestFingerprint: fingerprint,
    });
    return { kind: 'charge', intent, leave: usable };
  }

  private async charge(leave: ChargeLeave, intent: PaymentIntent, token: string): Promise<ChargeOutcome> {
    try {
      return await leave.charge(intent, token);
    } catch (error) {
      if (error instanceof PaymentTimeoutError)
        throw new Problem('PAYMENT_PROVIDER_TIMEOUT', { cause: error });
      if (error instanceof PaymentUnavailableError) throw unavailable(error);
      throw error;
    }
  }

  private async apply(
    transaction: SqlTransaction,
    order: LockedOrder,
    { intent, outcome, by }: { intent: PaymentIntent; outcome: ChargeOutcome; by: AuditedBy },
  ): Promise<{ answer: StoredAnswer; events: NewEvent[]; isRefundDue: boolean }> {
    const { requestFingerprint: fingerprint } = intent;
    const problem = (refusal: Problem): StoredAnswer => ({
      fingerprint,
      status: refusal.status,
      // The bytes outlive the request that made them, which may be the reconciler's: they name the intent.
      body: JSON.stringify({ ...refusal.toDocument(), requestId: intent.id }),
    });
    if (outcome.kind === 'declined') {
      await this.conclude(transaction, intent, 'declined');
      const refusal = new Problem('PAYMENT_DECLINED', {
        extensions: { reason: outcome.reason, orderId: order.id },
      });
      return { answer: problem(refusal), events: [], isRefundDue: false };
    }
    if (order.status !== 'pending_payment') {
      await this.conclude(transaction, intent, 'refund_pending');
      const refusal = new Problem('PAYMENT_LATE_REFUNDED', {
        extensions: { orderId: order.id, orderStatus: order.status },
      });
      return { answer: problem(refusal), events: [], isRefundDue: true };
    }
    await this.conclude(transaction, intent, 'succeeded');
    await this.orders.transition(transaction, [order.id], 'paid');
    const lines = await this.orders.findLines(transaction, [order.id]);
    await this.stock.lock(
      transaction,
      lines.map(({ variantId }) => variantId),
    );
    const levels = await this.stock.move(transaction, 'sale', lines);
    const body = JSON.stringify({
      id: intent.id,
      orderId: order.id,
      provider: intent.provider,
      status: 'succeeded',
      amount: { amount: intent.amountMinor, currency: intent.currency },
      orderStatus: 'paid',
    });
    const events = [
      orderEvent('paid', order, by),
      ...levels.filter(({ crossedZero }) => crossedZero).map(stockChanged),
    ];
    return { answer: { fingerprint, status: 201, body }, events, isRefundDue: false };
  }

  /** Gives the intent its outcome; that it still lacks one is known under the order's lock. */
  private async conclude(
    transaction: SqlTransaction,
    intent: PaymentIntent,
    status: 'succeeded' | 'declined' | 'refund_pending',
  ): Promise<void> {
    if (!(await this.intents.transition(transaction, intent.id, status))) {
      throw new Error(`a payment that has an outcome cannot become ${status}`);
    }
  }
}

/** @throws Problem `PAYMENT_PROVIDER_UNAVAILABLE`, which undoes what the transaction has done so far. */
function granted(leave: Leave): ChargeLeave {
  if (leave instanceof PaymentUnavailableError) throw unavailable(leave);
  return leave;
}

function unavailable(error: PaymentUnavailableError): Problem {
  const { retryAfterMs } = error;
  return new Problem('PAYMENT_PROVIDER_UNAVAILABLE', {
    cause: error,
    ...(retryAfterMs === null ? {} : { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) }),
  });
}
