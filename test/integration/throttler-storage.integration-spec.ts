import { Controller, Get, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import {
  SkipThrottle,
  Throttle,
  ThrottlerGuard,
  ThrottlerModule,
  type ThrottlerStorage,
} from '@nestjs/throttler';
import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { DistributedRateLimiter } from '../../src/core/rate-limiter/distributed-rate-limiter.service.js';
import { InMemoryRateLimiter } from '../../src/core/rate-limiter/in-memory-rate-limiter.js';
import { RateLimiterThrottlerStorage } from '../../src/core/rate-limiter/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const TTL_MS = 60_000;
const LIMIT = 3;

let services: TestServices;
let redis: RedisService;
let distributed: DistributedRateLimiter;

beforeAll(async () => {
  services = await startTestServices();
  const [config, logger, metrics] = [
    loadConfig(testEnvironment(services)),
    createLogger('silent'),
    new Metrics(),
  ];
  redis = new RedisService(config, logger, metrics);
  distributed = new DistributedRateLimiter(redis, new SystemClock(), config, logger, metrics);
  await waitFor('Redis', () => redis.isReady('rateLimit'));
});

afterAll(async () => {
  await distributed.beforeApplicationShutdown();
  redis.onApplicationShutdown();
  await services.close();
});

describe.each([
  ['in memory', () => new RateLimiterThrottlerStorage(new InMemoryRateLimiter(new SystemClock()))],
  ['in Redis', () => new RateLimiterThrottlerStorage(distributed)],
] as [string, () => ThrottlerStorage][])('the storage of @nestjs/throttler %s', (name, open) => {
  let storage: ThrottlerStorage;
  const hit = (key: string, throttler = 'default', blockMs = TTL_MS) =>
    storage.increment(`${name} ${key}`, TTL_MS, LIMIT, blockMs, throttler);

  beforeEach(() => {
    storage = open();
  });

  it('counts the hits and blocks the one that crosses the limit, in whole seconds', async () => {
    for (const totalHits of [1, 2, 3])
      expect(await hit('a')).toEqual({ totalHits, timeToExpire: 60, isBlocked: false, timeToBlockExpire: 0 });
    const blocked = await hit('a');
    expect(blocked).toMatchObject({ totalHits: LIMIT + 1, isBlocked: true });
    expect(blocked.timeToBlockExpire).toBeGreaterThanOrEqual(59);
    expect(blocked.timeToBlockExpire).toBeLessThanOrEqual(60);
  });

  it('keeps keys and throttlers apart', async () => {
    for (let time = 0; time < LIMIT; time += 1) await hit('b');
    expect((await hit('c')).isBlocked).toBe(false);
    expect((await hit('b', 'other')).isBlocked).toBe(false);
    expect((await hit('b')).isBlocked).toBe(true);
  });

  it('blocks for as long as it is told, when that is another time than the window', async () => {
    for (let time = 0; time < LIMIT; time += 1) await hit('d', 'blocking', 300_000);
    const blocked = await hit('d', 'blocking', 300_000);
    expect(blocked.isBlocked).toBe(true);
    expect(blocked.timeToBlockExpire).toBe(300);
  });

  it('admits exactly the limit of many calls at once', async () => {
    const records = await Promise.all(Array.from({ length: 100 }, () => hit('e')));
    expect(records.filter(({ isBlocked }) => !isBlocked)).toHaveLength(LIMIT);
  });

  it('takes a limit or a window of zero without failing', async () => {
    expect((await storage.increment(`${name} f`, 0, 0, 0, 'zero')).isBlocked).toBe(false);
  });

  it('serves the guard and the decorators of the package', async () => {
    @Controller()
    class Limited {
      @Get('two')
      @Throttle({ default: { limit: 2, ttl: TTL_MS } })
      two(): string {
        return 'two';
      }
      @Get('free')
      @SkipThrottle()
      free(): string {
        return 'free';
      }
    }
    @Module({
      imports: [ThrottlerModule.forRoot({ storage, throttlers: [{ limit: 100, ttl: TTL_MS }] })],
      controllers: [Limited],
      providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
    })
    class App {}
    const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), {
      logger: false,
    });
    await app.init();
    const status = async (url: string) => (await app.inject({ method: 'GET', url })).statusCode;
    expect([await status('/two'), await status('/two'), await status('/two')]).toEqual([200, 200, 429]);
    expect(await status('/free')).toBe(200);
    await app.close();
  });
});
