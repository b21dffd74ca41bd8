import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { JobRunner } from '../../core/jobs/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { OrdersRepository } from './orders.repository.js';

/** More than this is told as this: the count reads the sweeper's index, and its backlog may be long. */
const COUNTED_MAX = 10_000;

/** Measures reservations that are over and still hold units, apart from the sweeper that should end them. */
@Injectable()
export class ReservationWatch implements OnModuleInit {
  private readonly overdue;
  private readonly oldest;
  private readonly intervalMs: number;

  constructor(
    config: AppConfig,
    private readonly jobs: JobRunner,
    private readonly orders: OrdersRepository,
    clock: Clock,
    metrics: Metrics,
  ) {
    this.intervalMs = config.env.WATCH_INTERVAL_MS;
    const freshForMs = 3 * this.intervalMs;
    this.overdue = metrics.passing({
      name: 'orders_reservations_overdue',
      help: 'Unpaid orders whose reservation is over and not ended, counted up to 10,000',
      clock,
      freshForMs,
    });
    this.oldest = metrics.passing({
      name: 'orders_reservation_overdue_seconds',
      help: 'For how long the oldest of them has been over; 0 when there is none',
      clock,
      freshForMs,
    });
  }

  onModuleInit(): void {
    this.jobs.register({
      name: 'reservation-watch',
      intervalMs: this.intervalMs,
      isSingleton: true,
      run: async () => {
        const { count, oldestSeconds } = await this.orders.measureOverdue(COUNTED_MAX);
        this.overdue.measured([{ labels: {}, value: count }]);
        this.oldest.measured([{ labels: {}, value: oldestSeconds }]);
        return false;
      },
    });
  }
}
