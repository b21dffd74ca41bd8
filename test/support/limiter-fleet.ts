import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { DistributedRateLimiter } from '../../src/core/rate-limiter/distributed-rate-limiter.service.js';
import type { Charge, RateLimiter, RateLimitPolicy } from '../../src/core/rate-limiter/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from './app-harness.js';
import type { TestServices } from './services/index.js';
import { waitFor } from './wait-for.js';

/** What one process of a fleet has of the limiter, with connections of its own. */
export class LimiterMember {
  readonly metrics = new Metrics();
  readonly redis: RedisService;
  readonly limiter: DistributedRateLimiter;

  constructor(services: TestServices, env: Record<string, string>) {
    const config = loadConfig(testEnvironment(services, env));
    const logger = createLogger('silent');
    this.redis = new RedisService(config, logger, this.metrics);
    this.limiter = new DistributedRateLimiter(this.redis, new SystemClock(), config, logger, this.metrics);
  }

  async join(): Promise<void> {
    await waitFor('Redis', () => this.redis.isReady('rateLimit'));
    this.limiter.onApplicationBootstrap();
  }

  async leave(): Promise<void> {
    await this.limiter.beforeApplicationShutdown();
    this.redis.onApplicationShutdown();
  }

  async metric(name: string): Promise<number> {
    const text = await this.metrics.registry.metrics();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

/** Members that share limits and know each other. */
export class LimiterFleet {
  private readonly members: LimiterMember[] = [];

  constructor(private readonly services: TestServices) {}

  /** Once each of them has counted all of them. */
  async start(count: number, env: Record<string, string> = {}): Promise<LimiterMember[]> {
    const started = Array.from({ length: count }, () => new LimiterMember(this.services, env));
    this.members.push(...started);
    await Promise.all(started.map((member) => member.join()));
    for (const member of started) {
      await waitFor('the whole fleet', async () => {
        await member.limiter.synchronize();
        return (await member.metric('rate_limiter_live_pods')) === count;
      });
    }
    return started;
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.leave()));
  }
}

export const charge = (policy: RateLimitPolicy, subject: string, cost = 1): Charge => ({
  policy,
  subject,
  cost,
});

const STORM_BATCH = 50;

/** How many of the calls pass: every limiter is asked in turn, many calls at once. */
export async function storm(
  limiters: readonly RateLimiter[],
  charges: readonly Charge[],
  calls: number,
): Promise<number> {
  let admitted = 0;
  for (let asked = 0; asked < calls; asked += STORM_BATCH * limiters.length) {
    const decisions = await Promise.all(
      limiters.flatMap((limiter) => Array.from({ length: STORM_BATCH }, async () => limiter.take(charges))),
    );
    admitted += decisions.filter(({ outcome }) => outcome === 'admitted').length;
  }
  return admitted;
}
