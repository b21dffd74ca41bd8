import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { DistributedSessionService } from '../../src/core/session/distributed-session.service.js';
import { EndedSessions } from '../../src/core/session/ended-sessions.js';
import { type IssuedToken, type Rotation } from '../../src/core/session/index.js';
import { RevocationFeed } from '../../src/core/session/revocation-feed.js';
import { SessionRegions } from '../../src/core/session/session-regions.js';
import { SessionActivity } from '../../src/core/session/session-activity.js';
import { SessionCensus } from '../../src/core/session/session-census.js';
import { SessionMetrics } from '../../src/core/session/session.metrics.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from './app-harness.js';
import { waitFor } from './wait-for.js';

/** What a browser might send. */
export const DEVICE = { userAgent: 'Mozilla/5.0 (X11; Linux x86_64)', network: '203.0.113.0/24' };

/** Everything about sessions that one process has, with connections of its own to the shared store. */
export class SessionInstance {
  readonly metrics = new Metrics();
  readonly ended: EndedSessions;
  readonly store: DistributedSessionService;
  readonly activity: SessionActivity;
  readonly census: SessionCensus;
  private readonly redis: RedisService;
  private readonly feed: RevocationFeed;

  private constructor(environment: Record<string, string>) {
    const config = loadConfig(environment);
    const [logger, clock] = [createLogger('silent'), new SystemClock()];
    this.redis = new RedisService(config, logger, this.metrics);
    const regions = new SessionRegions(this.redis, config);
    this.ended = new EndedSessions(config.env.FEATURE_SESSION_REVOCATION, undefined, regions.unmarked.name);
    const sessionMetrics = new SessionMetrics(this.metrics, this.ended);
    this.store = new DistributedSessionService(regions, config, this.ended, sessionMetrics);
    this.activity = new SessionActivity(this.store, sessionMetrics, config);
    this.census = new SessionCensus(this.redis, clock, logger, this.metrics);
    this.feed = new RevocationFeed(regions, this.ended, sessionMetrics, clock, logger, this.metrics, config);
  }

  /** Ready when the store answers. */
  static async start(
    addresses: Parameters<typeof testEnvironment>[0],
    env: Record<string, string> = {},
  ): Promise<SessionInstance> {
    const instance = new SessionInstance(testEnvironment(addresses, env));
    await instance.waitUntilReady();
    return instance;
  }

  waitUntilReady(): Promise<void> {
    return waitFor('the session store', () =>
      this.store.list('nobody').then(
        () => true,
        () => false,
      ),
    );
  }

  /** From here on it learns what others end. */
  listen(): Promise<void> {
    return this.feed.onApplicationBootstrap();
  }

  async open(subject: string): Promise<IssuedToken> {
    const opening = await this.store.create(subject, DEVICE);
    if (opening.kind !== 'opened') throw new Error(opening.kind);
    return opening.issued;
  }

  /** Whether this process would accept an access token of the session, by what it knows. */
  accepts({ subject, sessionId, openedAtMs }: IssuedToken): boolean {
    return !this.ended.hasEnded({ subject, sessionId, openedAtMs, issuedAtMs: Date.now() });
  }

  async metric(series: string): Promise<number> {
    const text = await this.metrics.registry.metrics();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? NaN);
  }

  async close(): Promise<void> {
    this.activity.onApplicationShutdown();
    await this.feed.onApplicationShutdown();
    this.redis.onApplicationShutdown();
  }
}

export function tokenOf(rotation: Rotation): IssuedToken {
  if (rotation.kind === 'refused') throw new Error(`refused: ${rotation.reason}`);
  return rotation.issued;
}
