import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { JobRunner } from '../jobs/index.js';
import { IDEMPOTENCY_TTL_HOURS } from './idempotency-key.js';

/** Rows removed by one statement, so that none of them runs long. */
const REMOVE_MAX = 5000;
const INTERVAL_MS = 60_000;

@Injectable()
export class IdempotencyJanitor implements OnModuleInit {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly jobs: JobRunner,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'idempotency-janitor',
      intervalMs: INTERVAL_MS,
      isSingleton: true,
      run: async () => (await this.removeExpired()) === REMOVE_MAX,
    });
  }

  /** Removes answers whose time is over; the number removed. */
  async removeExpired(): Promise<number> {
    return this.database.write.$executeRawUnsafe(
      `DELETE FROM idempotency_records WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM idempotency_records
         WHERE created_at < now() - make_interval(hours => ${String(IDEMPOTENCY_TTL_HOURS)})
         ORDER BY created_at LIMIT ${String(REMOVE_MAX)}))`,
    );
  }
}
