import fc from 'fast-check';
import { Redis } from 'ioredis';
import { newId } from '../../src/common/ids.js';
import type { RateLimitPolicy } from '../../src/core/rate-limiter/index.js';
import { PolicyTerms } from '../../src/core/rate-limiter/policy-terms.js';
import {
  encodeOrders,
  encodeTerms,
  type WindowOrder,
  type WindowReply,
  windowTake,
} from '../../src/core/rate-limiter/window-script.js';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { BruteForceWindow, randomTraces } from '../support/rate-limit-traces.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

const log = { name: 'visits', windowMs: 4000 };
const SHORT: RateLimitPolicy = { name: 'short', limit: 4, windowMs: 500, log };
const MEDIUM: RateLimitPolicy = { name: 'medium', limit: 10, windowMs: 2000, log };
const LONG: RateLimitPolicy = { name: 'long', limit: 14, windowMs: 4000, log };
const LADDER = [SHORT, MEDIUM, LONG];
const AT_MS = 9_000_000;

describe('policies that count in one log', () => {
  let services: TestServices;
  let redis: Redis;

  beforeAll(async () => {
    services = await startTestServices();
    redis = new Redis(services.redis.url);
  });

  afterAll(async () => {
    redis.disconnect();
    await services.close();
  });

  const newKey = () => redisKeys.limitWindow('test', newId());
  const ask = (
    key: string,
    policies: readonly RateLimitPolicy[],
    atMs: number,
    order: WindowOrder | null = null,
    mode = 'take',
  ): Promise<WindowReply[]> =>
    windowTake.run(redis, order === null ? [key] : policies.map(() => key), [
      encodeTerms(policies),
      mode,
      order === null ? '' : encodeOrders(policies.map(() => order)),
      atMs,
    ]);
  const remaining = async (key: string, atMs: number) =>
    (await ask(key, LADDER, atMs, {}, 'peek')).map((reply) => reply.remaining);

  it.each([
    ['one point each', true],
    ['what is asked', false],
  ])('decide, by %s, as whoever adds up every hit under each of them does', async (_name, isPlain) => {
    await fc.assert(
      fc.asyncProperty(randomTraces(LONG.windowMs, 60), async (trace) => {
        const key = newKey();
        const oracles = LADDER.map(({ limit, windowMs }) => new BruteForceWindow(limit, windowMs));
        for (const { atMs, cost: asked } of trace) {
          const cost = isPlain ? 1 : asked;
          const replies = await ask(key, LADDER, atMs, isPlain ? null : { wanted: cost, needed: cost });
          const isAdmitted = oracles.every(
            (oracle, index) => oracle.used(atMs) + cost <= (LADDER[index]?.limit ?? 0),
          );
          if (isAdmitted) for (const oracle of oracles) oracle.take({ atMs, cost });
          expect([atMs, ...replies.map(({ granted }) => granted)]).toEqual([
            atMs,
            ...LADDER.map(() => (isAdmitted ? cost : 0)),
          ]);
          expect(replies.map((reply) => reply.remaining)).toEqual(
            oracles.map((oracle, index) => (LADDER[index]?.limit ?? 0) - oracle.used(atMs)),
          );
          // Whoever waits as long as the slowest of them says passes.
          const retryMs = Math.max(...replies.map((reply) => reply.retryMs));
          if (!isAdmitted && Number.isFinite(retryMs))
            for (const [waitMs, fits] of [
              [retryMs - 1, false],
              [retryMs, true],
            ] as const) {
              const later = await ask(key, LADDER, atMs + waitMs, { needed: cost }, 'peek');
              expect(later.every((reply) => reply.retryMs === 0)).toBe(fits);
            }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('lie in one key, which lives as long as the longest of them looks at it, whoever of them wrote last', async () => {
    const key = newKey();
    await ask(key, LADDER, AT_MS);
    expect(await redis.pttl(key)).toBeGreaterThan(LONG.windowMs - 1000);
    await ask(key, [SHORT], AT_MS + 1000, { forced: 2 }, 'each');
    expect(await redis.pttl(key)).toBeGreaterThan(LONG.windowMs - 1000);
    expect(await remaining(key, AT_MS + 1000)).toEqual([2, 7, 11]);
  });

  it('count penalties, refunds and blocks together', async () => {
    const key = newKey();
    for (let n = 0; n < 3; n += 1) await ask(key, LADDER, AT_MS + n);
    await ask(key, [LONG], AT_MS + 3, { forced: 3 }, 'each');
    expect(await remaining(key, AT_MS + 3)).toEqual([0, 4, 8]);
    await ask(key, [SHORT], AT_MS + 3, { back: 4 }, 'each');
    expect(await remaining(key, AT_MS + 3)).toEqual([2, 8, 12]);
    await ask(key, [MEDIUM], AT_MS + 4, { blockMs: 700, blocksAtOnce: true }, 'each');
    const blocked = await ask(key, LADDER, AT_MS + 4);
    expect(blocked.map(({ granted, retryMs }) => [granted, retryMs])).toEqual([
      [0, 700],
      [0, 700],
      [0, 700],
    ]);
    expect((await ask(key, LADDER, AT_MS + 704)).map(({ granted }) => granted)).toEqual([1, 1, 1]);
  });

  it('let pass what only a shadow among them would refuse, and say so of that one', async () => {
    const key = newKey();
    const orders = encodeOrders([
      { wanted: 1, needed: 1, isShadow: true },
      { wanted: 1, needed: 1 },
    ]);
    const both = () => windowTake.run(redis, [key, key], [encodeTerms([SHORT, LONG]), 'take', orders, AT_MS]);
    for (let n = 0; n < SHORT.limit; n += 1)
      expect((await both()).map(({ granted }) => granted)).toEqual([1, 1]);
    expect(await both()).toMatchObject([
      { granted: 0, remaining: 0 },
      { granted: 1, remaining: LONG.limit - SHORT.limit - 1 },
    ]);
  });

  it('are refused when they would not be exact, or look further back than the log', () => {
    expect(() => new PolicyTerms({ ...LONG, limit: 129 }, 1)).toThrow('more than 128 points');
    expect(() => new PolicyTerms({ name: 'years', limit: 9, windowMs: 2 ** 35 }, 1)).toThrow(RangeError);
    expect(() => new PolicyTerms({ ...LONG, windowMs: 4001 }, 1)).toThrow('longer window');
  });
});
