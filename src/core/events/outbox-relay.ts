import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import { JobRunner } from '../jobs/index.js';
import { PartitionKeeper } from '../partitioning/index.js';
import { OutboxBell } from './outbox-bell.js';
import { OutboxTaps } from './outbox-taps.js';

/** The stream is a wake-up call for copies in memory, not the history: that is the outbox itself. */
const STREAM_LIFE_MS = 600_000;
const DAYS_AHEAD = 7;
/** While nobody rings: half of the second within which every process sees a change (ADR 0005). */
const QUIET_INTERVAL_MS = 500;
const JOB = 'outbox-relay';

/**
 * Whole batches, oldest first, until there are $1 events or more. The OFFSET keeps the planner from looking
 * through all events instead of fetching those of each batch: it may know nothing of how many there are.
 */
const OLDEST_BATCHES = `
  SELECT b.id::text AS batch_id, b.created_at::text, e.*
  FROM (
    SELECT id, created_at, sum(events) OVER (ORDER BY created_at, id) - events AS before
    FROM (SELECT id, created_at, events FROM outbox_batches ORDER BY created_at, id LIMIT $1::integer) AS oldest
  ) AS b
  LEFT JOIN LATERAL (
    SELECT o.id::text, o.type, o.aggregate_id::text, o.payload::text, o.is_broadcast, o.audit, o.traceparent
    FROM outbox_events o WHERE o.created_at = b.created_at AND o.batch_id = b.id OFFSET 0
  ) AS e ON true
  WHERE b.before < $1::integer ORDER BY b.created_at, b.id, e.id`;

const DELETE_BATCHES = `
  DELETE FROM outbox_batches b USING unnest($1::uuid[], $2::timestamptz[]) AS p (id, created_at)
  WHERE b.created_at = p.created_at AND b.id = p.id`;

/** Its events were removed by hand; it must not stand in the way of others. */
interface EmptyBatch {
  batch_id: string;
  created_at: string;
  id: null;
}

interface OutboxRow {
  batch_id: string;
  created_at: string;
  id: string;
  type: string;
  aggregate_id: string;
  payload: string;
  is_broadcast: boolean;
  audit: string | null;
  traceparent: string | null;
}

/**
 * Moves committed events from the outbox to its taps, and those that all must hear of to the stream that
 * every process reads. One process does it at a time; when two do for a moment, events come twice with the
 * same id. A process that dies after publishing and before it says so publishes again. Order is kept per run of
 * the relay, and by commit time only nearly: consumers compare positions or versions, never arrival.
 */
@Injectable()
export class OutboxRelay implements OnModuleInit {
  private readonly published;

  constructor(
    private readonly config: AppConfig,
    private readonly database: OptimizedPrismaService,
    private readonly redis: RedisService,
    private readonly jobs: JobRunner,
    private readonly partitions: PartitionKeeper,
    private readonly taps: OutboxTaps,
    private readonly bell: OutboxBell,
    metrics: Metrics,
  ) {
    this.published = metrics.counter({
      name: 'events_published_total',
      help: 'Events that have left the outbox',
    });
  }

  onModuleInit(): void {
    this.jobs.register({
      name: JOB,
      intervalMs: () => this.pauseMs(),
      isSingleton: true,
      run: () => this.relay(),
    });
    if (this.config.runsJobs)
      this.bell.listen(() => {
        this.jobs.wake(JOB);
      });
    this.partitions.register({
      name: 'outbox_events',
      unit: 'day',
      ahead: DAYS_AHEAD,
      keep: this.config.env.OUTBOX_RETENTION_DAYS,
      retire: async (transaction, { partition, from, to }) => {
        // Events that never left keep their day.
        const [waiting] = await transaction.query(
          'SELECT 1 FROM outbox_batches WHERE created_at >= $1 AND created_at < $2 LIMIT 1',
          [from, to],
        );
        if (waiting === undefined) await transaction.execute(`DROP TABLE "${partition}"`);
      },
    });
  }

  private pauseMs(): number {
    const { OUTBOX_INTERVAL_MS: intervalMs } = this.config.env;
    return this.bell.isQuiet ? Math.max(intervalMs, QUIET_INTERVAL_MS) : intervalMs;
  }

  /** True when as much was taken as may be at once, so that more may wait. */
  private async relay(): Promise<boolean> {
    const { OUTBOX_BATCH_MAX: batchMax } = this.config.env;
    const found = await this.database.write.$queryRawUnsafe<(OutboxRow | EmptyBatch)[]>(
      OLDEST_BATCHES,
      batchMax,
    );
    if (found.length === 0) return false;
    this.bell.stir();
    const rows = found.filter((row) => row.id !== null);
    // Both, whatever becomes of either: a tap needs no Redis, and the stream no tap.
    const outcomes = await Promise.allSettled([this.taps.give(rows), this.broadcast(rows)]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    const batches = new Map(found.map(({ batch_id, created_at }) => [batch_id, created_at]));
    await this.database.write.$executeRawUnsafe(DELETE_BATCHES, [...batches.keys()], [...batches.values()]);
    this.published.inc(rows.length);
    return rows.length >= batchMax;
  }

  private async broadcast(rows: readonly OutboxRow[]): Promise<void> {
    const heard = rows.filter((row) => row.is_broadcast);
    if (heard.length === 0) return;
    // Taken after the read: everything the rows tell of was committed at or behind it.
    const position = (await this.database.currentPosition()).toString();
    const client = this.redis.client('main');
    const pipeline = client.pipeline();
    const key = redisKeys.events();
    for (const { id, type, aggregate_id: aggregateId, payload, traceparent } of heard) {
      const fields = ['id', id, 'type', type, 'aggregateId', aggregateId, 'payload', payload];
      if (traceparent !== null) fields.push('traceparent', traceparent);
      pipeline.xadd(key, '*', ...fields, 'position', position);
    }
    const [seconds] = await client.time();
    pipeline.xtrim(key, 'MINID', '~', Number(seconds) * 1000 - STREAM_LIFE_MS);
    pipeline.pexpire(key, STREAM_LIFE_MS * 6);
    const results = (await pipeline.exec()) ?? [];
    for (const [error] of results) if (error !== null) throw error;
  }
}
