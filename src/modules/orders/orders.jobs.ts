import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { auditedBySystem } from '../../core/audit-log/index.js';
import { EventOutbox } from '../../core/events/index.js';
import { JobRunner } from '../../core/jobs/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { stockChanged, StockRepository } from '../inventory/index.js';
import {
  type PaymentIntent,
  PaymentIntentsRepository,
  PaymentsService,
  PaymentTimeoutError,
  PaymentUnavailableError,
} from '../payments/index.js';
import { OrderPaymentService, RECONCILER } from './order-payment.service.js';
import { orderEvent } from './orders.events.js';
import { OrdersRepository } from './orders.repository.js';

const RECONCILE_MAX = 50;
const SWEEPER = auditedBySystem('reservation-sweeper');

/** What the worker does for orders that nobody asks about any more. */
@Injectable()
export class OrderJobs implements OnModuleInit {
  private readonly expired;
  private readonly reconciled;

  constructor(
    private readonly config: AppConfig,
    private readonly jobs: JobRunner,
    private readonly orders: OrdersRepository,
    private readonly stock: StockRepository,
    private readonly intents: PaymentIntentsRepository,
    private readonly payments: PaymentsService,
    private readonly orderPayments: OrderPaymentService,
    private readonly outbox: EventOutbox,
    metrics: Metrics,
  ) {
    this.expired = metrics.counter({
      name: 'orders_expired_total',
      help: 'Orders whose reservation ran out',
    });
    this.reconciled = metrics.counter({
      name: 'payments_reconciled_total',
      help: 'Payments whose outcome was looked up at the provider',
      labelNames: ['outcome'],
    });
  }

  onModuleInit(): void {
    const { env } = this.config;
    this.jobs.register({
      name: 'reservation-sweeper',
      intervalMs: env.SWEEPER_INTERVAL_MS,
      isSingleton: false,
      run: () => this.expireReservations(),
    });
    this.jobs.register({
      name: 'payment-reconciler',
      intervalMs: Math.min(env.PAYMENT_RECONCILE_AFTER_MS, 5000),
      isSingleton: true,
      run: () => this.reconcilePayments(),
    });
  }

  /** One bounded batch; any number of sweepers share the work, none waits for another. True when the batch was full. */
  private async expireReservations(): Promise<boolean> {
    const { SWEEPER_BATCH_MAX: batchMax } = this.config.env;
    const count = await this.orders.transaction(async (transaction) => {
      const orders = await this.orders.lockExpired(transaction, batchMax);
      if (orders.length === 0) return 0;
      const ids = orders.map(({ id }) => id);
      const lines = await this.orders.findLines(transaction, ids);
      await this.stock.lock(
        transaction,
        lines.map(({ variantId }) => variantId),
      );
      const levels = await this.stock.move(transaction, 'release', lines);
      await this.orders.transition(transaction, ids, 'expired');
      await this.outbox.append(transaction, [
        ...orders.map((order) => orderEvent('expired', order, SWEEPER)),
        ...levels.map(stockChanged),
      ]);
      return orders.length;
    });
    this.expired.inc(count);
    return count === batchMax;
  }

  /** Finishes what a lost answer or a dead process left open. */
  private async reconcilePayments(): Promise<boolean> {
    const open = await this.intents.listUnsettled(this.config.env.PAYMENT_RECONCILE_AFTER_MS, RECONCILE_MAX);
    for (const intent of open) {
      try {
        if (intent.status === 'refund_pending') await this.orderPayments.refund(intent);
        else await this.reconcile(intent);
      } catch (error) {
        if (error instanceof PaymentTimeoutError) continue;
        if (!(error instanceof PaymentUnavailableError)) throw error;
        // The provider is down, or its circuit open: the others would fare no better.
        this.reconciled.inc({ outcome: 'postponed' });
        return false;
      }
    }
    return open.length === RECONCILE_MAX;
  }

  private async reconcile(intent: PaymentIntent): Promise<void> {
    // Touched first: an intent whose provider hangs must not keep the others waiting at each run.
    await this.intents.touch(intent.id);
    const outcome = await this.payments.resolve(intent);
    const { userId } = await this.orders.transaction((transaction) =>
      this.orders.lock(transaction, intent.orderId),
    );
    await this.orderPayments.settle(intent, outcome, userId, RECONCILER);
    this.reconciled.inc({ outcome: outcome.kind });
  }
}
