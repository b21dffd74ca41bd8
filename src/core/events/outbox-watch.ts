import { Injectable } from '@nestjs/common';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { Watches } from '../jobs/index.js';

/** More than this is told as this: what waits may be long. */
const COUNTED_MAX = 10_000;

/**
 * Measures what waits in the outbox, apart from the relay: the lag must be seen above all while the relay
 * cannot run. What it reads is as small as the backlog.
 */
@Injectable()
export class OutboxWatch {
  private readonly lag;
  private readonly waiting;

  constructor(
    private readonly database: OptimizedPrismaService,
    watches: Watches,
  ) {
    const watch = watches.add('outbox-watch', () => this.measure());
    this.lag = watch.gauge({
      name: 'events_outbox_lag_seconds',
      help: 'Age of the oldest event that has not left the outbox; 0 when all have',
    });
    this.waiting = watch.gauge({
      name: 'events_outbox_waiting',
      help: 'Events that have not left the outbox, counted up to 10,000',
    });
  }

  private async measure(): Promise<void> {
    const [row] = await this.database.write.$queryRawUnsafe<{ lag: number; waiting: number }[]>(
      `SELECT greatest(0, extract(epoch FROM now() - min(created_at)))::float8 AS lag,
         least(coalesce(sum(events), 0), ${String(COUNTED_MAX)})::integer AS waiting
       FROM (SELECT created_at, events FROM outbox_batches
             ORDER BY created_at, id LIMIT ${String(COUNTED_MAX)}) AS unpublished`,
    );
    this.lag.measured([{ labels: {}, value: row?.lag ?? 0 }]);
    this.waiting.measured([{ labels: {}, value: row?.waiting ?? 0 }]);
  }
}
