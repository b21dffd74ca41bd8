import { Injectable } from '@nestjs/common';
import { Watches } from '../../core/jobs/index.js';
import { OrdersRepository } from './orders.repository.js';

/** More than this is told as this: the count reads the sweeper's index, and its backlog may be long. */
const COUNTED_MAX = 10_000;

/** Measures reservations that are over and still hold units, apart from the sweeper that should end them. */
@Injectable()
export class ReservationWatch {
  private readonly overdue;
  private readonly oldest;

  constructor(
    private readonly orders: OrdersRepository,
    watches: Watches,
  ) {
    const watch = watches.add('reservation-watch', () => this.measure());
    this.overdue = watch.gauge({
      name: 'orders_reservations_overdue',
      help: 'Unpaid orders whose reservation is over and not ended, counted up to 10,000',
    });
    this.oldest = watch.gauge({
      name: 'orders_reservation_overdue_seconds',
      help: 'For how long the oldest of them has been over; 0 when there is none',
    });
  }

  private async measure(): Promise<void> {
    const { count, oldestSeconds } = await this.orders.measureOverdue(COUNTED_MAX);
    this.overdue.measured([{ labels: {}, value: count }]);
    this.oldest.measured([{ labels: {}, value: oldestSeconds }]);
  }
}
