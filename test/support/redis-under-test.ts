import { loadConfig } from '../../src/config/index.js';
import { createLogger, type Logger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { waitFor } from './wait-for.js';

const REQUIRED = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', LOG_LEVEL: 'silent' };

/** The Redis of one process, with connections and metrics of its own. */
export class RedisUnderTest {
  private constructor(
    readonly service: RedisService,
    private readonly metrics: Metrics,
  ) {}

  /** Ready for commands of the main role; the other roles share it unless `env` says otherwise. */
  static async start(url: string, env: Record<string, string> = {}): Promise<RedisUnderTest> {
    const redis = RedisUnderTest.open(url, env);
    await redis.ready();
    return redis;
  }

  static open(
    url: string,
    env: Record<string, string> = {},
    logger: Logger = createLogger('silent'),
  ): RedisUnderTest {
    const metrics = new Metrics();
    const config = loadConfig({ ...REQUIRED, REDIS_URL: url, ...env });
    return new RedisUnderTest(new RedisService(config, logger, metrics), metrics);
  }

  get client() {
    return this.service.client('main');
  }

  ready(): Promise<void> {
    return waitFor('Redis', () => this.client.ping().then(Boolean, () => false), 20_000);
  }

  async metric(series: string): Promise<number> {
    const text = await this.metrics.registry.metrics();
    return Number(new RegExp(`^${series.replaceAll(/[{}"+]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1]);
  }

  close(): void {
    this.service.onApplicationShutdown();
  }
}

/** How long the promise took to settle, and how. */
export async function timed<T>(promise: Promise<T>): Promise<{ ms: number; value?: T; error?: unknown }> {
  const startMs = performance.now();
  try {
    const value = await promise;
    return { ms: performance.now() - startMs, value };
  } catch (error) {
    return { ms: performance.now() - startMs, error };
  }
}
