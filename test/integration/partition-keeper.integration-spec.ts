import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { OutboxBell } from '../../src/core/events/outbox-bell.js';
import { OutboxRelay } from '../../src/core/events/outbox-relay.js';
import { OutboxTaps } from '../../src/core/events/index.js';
import { type Job, JobRunner } from '../../src/core/jobs/index.js';
import { PartitionKeeper, periodOf, shift } from '../../src/core/partitioning/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';

/** Runs nothing by itself. */
class IdleJobs extends JobRunner {
  readonly registered: Job[] = [];

  override register(job: Job): void {
    this.registered.push(job);
  }
}

describe('the keeper of partitions', () => {
  let services: TestServices;
  let shop: Shop;
  let database: OptimizedPrismaService;
  let redis: RedisService;
  let keep: () => Promise<unknown>;

  const PRESENT = periodOf(new Date(), 'day');
  const dayAgo = (count: number) => shift(PRESENT, 'day', -count);

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    const config = loadConfig(testEnvironment(services, { OUTBOX_RETENTION_DAYS: '2' }));
    const [logger, clock, metrics] = [createLogger('silent'), new SystemClock(), new Metrics()];
    database = new OptimizedPrismaService(config, logger, new Metrics());
    redis = new RedisService(config, logger, new Metrics());
    const jobs = new IdleJobs(config, database, clock, logger, metrics);
    const keeper = new PartitionKeeper(database, jobs, clock, logger, metrics);
    const bell = new OutboxBell(redis, clock);
    new OutboxRelay(config, database, redis, jobs, keeper, new OutboxTaps(), bell, metrics).onModuleInit();
    keeper.onModuleInit();
    keep = async () => jobs.registered.find(({ name }) => name === 'partition-keeper')?.run();
  });

  afterAll(async () => {
    redis.onApplicationShutdown();
    await database.onApplicationShutdown();
    await shop.close();
    await services.close();
  });

  const days = async () => {
    const rows = await shop.rows<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^outbox_events_[0-9]+$' ORDER BY 1`,
    );
    return rows.map(({ name }) => name.slice('outbox_events_'.length));
  };
  const fill = async (ago: number, publishedAt: Date | null) => {
    const { from, to, suffix } = dayAgo(ago);
    await shop.rows('SELECT ensure_partition($1, $2, $3, $4)', ['outbox_events', from, to, suffix]);
    await shop.rows(
      `INSERT INTO outbox_events (id, type, aggregate_id, payload, created_at, published_at)
       VALUES (gen_random_uuid(), 'thing.changed.v1', gen_random_uuid(), '{}', $1, $2)`,
      [from, publishedAt],
    );
  };

  it('drops days of events that have all left, and keeps one with an event that has not', async () => {
    await fill(5, new Date());
    await fill(4, null);
    await fill(3, new Date());
    await fill(2, new Date());
    await keep();
    expect((await days()).slice(0, 3)).toEqual([4, 2, 0].map((ago) => dayAgo(ago).suffix));
    await shop.rows('UPDATE outbox_events SET published_at = now() WHERE published_at IS NULL');
    await keep();
    expect((await days())[0]).toBe(dayAgo(2).suffix);
  });

  it('goes on without a day that is in use, and makes days ahead all the same', async () => {
    await fill(7, new Date());
    const reader = await shop.pool.connect();
    await reader.query(
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT count(*) FROM outbox_events_${dayAgo(7).suffix}`,
    );
    await keep();
    expect((await days())[0]).toBe(dayAgo(7).suffix);
    expect((await days()).at(-1)).toBe(dayAgo(-7).suffix);
    await reader.query('COMMIT');
    reader.release();
    await keep();
    expect((await days())[0]).toBe(dayAgo(2).suffix);
  });
});
