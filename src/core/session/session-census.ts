import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { SingleFlight } from '../../common/single-flight.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import { SESSION_SHARDS } from './session-shards.js';

/** Every process is scraped every few seconds, and the number is the same for all. */
const MAX_AGE_MS = 10_000;

/**
 * How many users have a live session, fleet-wide. Each shard counts its users by the time at which their
 * last session will have ended (at most 168 counts, plus those since the last look), so the number costs one
 * small hash for each shard and no scan. Users whose sessions ran out unseen count up to 1/168 of an idle
 * life longer; those who log out do not.
 */
@Injectable()
export class SessionCensus {
  private last = 0;
  private countedAtMs = -Infinity;
  private readonly counting = new SingleFlight(() => this.count());

  constructor(
    private readonly redis: RedisService,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    metrics.reading({
      name: 'active_users_count',
      help: 'Users with a live session, as of the last count; the same on every process',
      read: () => {
        if (clock.monotonicMs() - this.countedAtMs > MAX_AGE_MS) void this.refresh();
        return this.last;
      },
    });
  }

  /** Counts now, unless a count is under way, which then is the answer. Null while the store is away. */
  async countUsers(): Promise<number | null> {
    const before = this.countedAtMs;
    await this.refresh();
    return this.countedAtMs > before ? this.last : null;
  }

  private refresh(): Promise<void> {
    return this.counting.join();
  }

  private async count(): Promise<void> {
    const client = this.redis.client('sessions');
    try {
      const [seconds] = await client.time();
      const nowMs = Number(seconds) * 1000;
      const counts = await Promise.all(
        SESSION_SHARDS.map(async (shard) => {
          const key = redisKeys.sessionCensus(shard);
          const entries = Object.entries(await client.hgetall(key));
          const past = entries.flatMap(([endsMs]) => (Number(endsMs) <= nowMs ? [endsMs] : []));
          if (past.length > 0) await client.hdel(key, ...past);
          return entries.reduce(
            (sum, [endsMs, count]) => sum + (Number(endsMs) > nowMs ? Number(count) : 0),
            0,
          );
        }),
      );
      this.last = counts.reduce((sum, count) => sum + count, 0);
      this.countedAtMs = this.clock.monotonicMs();
    } catch (error) {
      this.logger.debug({ reason: String(error) }, 'users could not be counted');
    }
  }
}
