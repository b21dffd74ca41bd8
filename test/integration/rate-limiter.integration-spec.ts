import { Redis } from 'ioredis';
import { SystemClock } from '../../src/common/clock.js';
import { newId } from '../../src/common/ids.js';
import { InMemoryRateLimiter } from '../../src/core/rate-limiter/in-memory-rate-limiter.js';
import type { Charge, Decision, RateLimiter, RateLimitPolicy } from '../../src/core/rate-limiter/index.js';
import { charge, LimiterFleet, storm } from '../support/limiter-fleet.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const STRICT: RateLimitPolicy = { name: 'strict', limit: 20, windowMs: 60_000 };
const LARGE: RateLimitPolicy = { name: 'large', limit: 2000, windowMs: 60_000 };

let services: TestServices;
let fleet: LimiterFleet;

const startMembers = (count: number, env: Record<string, string> = {}) => fleet.start(count, env);

beforeEach(async () => {
  services = await startTestServices();
  fleet = new LimiterFleet(services);
});

afterEach(async () => {
  await fleet.close();
  await services.close();
});

describe.each([
  ['in memory', () => Promise.resolve(new InMemoryRateLimiter(new SystemClock()))],
  [
    'through Redis',
    async () => (await startMembers(1))[0]?.limiter ?? new InMemoryRateLimiter(new SystemClock()),
  ],
] as [string, () => Promise<RateLimiter>][])('a rate limiter %s', (_name, start) => {
  let limiter: RateLimiter;
  const [small, wide] = [
    { name: 'small', limit: 3, windowMs: 60_000 },
    { name: 'wide', limit: 5, windowMs: 60_000 },
  ];
  const outcomes = async (charges: Charge[], count: number) => {
    const all: string[] = [];
    for (let call = 0; call < count; call += 1) all.push((await limiter.take(charges)).outcome);
    return all;
  };

  beforeEach(async () => {
    limiter = await start();
  });

  it('admits the limit and denies what crosses it, with an honest retry', async () => {
    expect(await outcomes([charge(small, 'a')], 4)).toEqual(['admitted', 'admitted', 'admitted', 'denied']);
    const { retryAfterMs, states } = await limiter.take([charge(small, 'a')]);
    expect(retryAfterMs).toBeGreaterThan(59_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(states).toMatchObject([{ isWithin: false, remaining: 0 }]);
    expect((await limiter.take([charge(small, 'b')])).outcome).toBe('admitted');
  });

  it('tells what is left, and what a peek would find, which takes nothing', async () => {
    const { states } = await limiter.take([charge(wide, 'a', 2)]);
    expect(states).toMatchObject([{ isWithin: true, remaining: 3, retryMs: 0 }]);
    for (let time = 0; time < 3; time += 1)
      expect(await limiter.peek([charge(wide, 'a', 3)])).toMatchObject({ outcome: 'admitted' });
    expect(await limiter.peek([charge(wide, 'a', 4)])).toMatchObject({ outcome: 'denied' });
  });

  it('takes all charges or none', async () => {
    const both = [charge(small, 'a'), charge(wide, 'a')];
    expect(await outcomes(both, 5)).toEqual(['admitted', 'admitted', 'admitted', 'denied', 'denied']);
    expect(await limiter.peek([charge(wide, 'a', 2)])).toMatchObject({ outcome: 'admitted' });
  });

  it('weighs calls by their cost, and never lets one above the limit pass', async () => {
    expect((await limiter.take([charge(wide, 'a', 6)])).retryAfterMs).toBe(Infinity);
    expect((await limiter.take([charge(wide, 'a', 4)])).outcome).toBe('admitted');
    expect((await limiter.take([charge(wide, 'a', 2)])).outcome).toBe('denied');
    expect((await limiter.take([charge(wide, 'a', 1)])).outcome).toBe('admitted');
  });

  it('punishes, gives back, blocks and forgets', async () => {
    await limiter.penalize(charge(small, 'a', 4));
    expect((await limiter.take([charge(small, 'a')])).outcome).toBe('denied');
    await limiter.refund(charge(small, 'a', 2));
    expect(await outcomes([charge(small, 'a')], 2)).toEqual(['admitted', 'denied']);
    await limiter.reset(charge(small, 'a'));
    expect((await limiter.take([charge(small, 'a')])).outcome).toBe('admitted');
    await limiter.block(charge(small, 'a'), 5000);
    const { outcome, retryAfterMs } = await limiter.take([charge(small, 'a')]);
    expect(outcome).toBe('denied');
    expect(retryAfterMs).toBeGreaterThan(4000);
    expect(retryAfterMs).toBeLessThanOrEqual(5000);
  });

  it('refuses nobody in shadow mode', async () => {
    const shadow = { ...small, name: 'shadow', isShadow: true };
    expect(await outcomes([charge(shadow, 'a')], 6)).toEqual(Array<string>(6).fill('admitted'));
    const { states } = await limiter.take([charge(shadow, 'a')]);
    expect(states).toMatchObject([{ isWithin: false }]);
  });
});

describe('the rate limiter of a fleet', () => {
  it('admits exactly a small limit, whichever instances are asked', async () => {
    const members = await startMembers(4);
    expect(
      await storm(
        members.map(({ limiter }) => limiter),
        [charge(STRICT, newId())],
        400,
      ),
    ).toBe(STRICT.limit);
  });

  it('admits a large limit, and a twentieth more at most, from what each instance may spend by itself', async () => {
    const members = await startMembers(4);
    const admitted = await storm(
      members.map(({ limiter }) => limiter),
      [charge(LARGE, newId())],
      8000,
    );
    expect(admitted / LARGE.limit).toBeLessThanOrEqual(1.05);
    expect(admitted / LARGE.limit).toBeGreaterThanOrEqual(0.9);
  });

  it('asks Redis for a part of the calls only, and not at all for who is known to be denied', async () => {
    const [member] = await startMembers(1);
    if (member === undefined) throw new Error('no member');
    const counter = new Redis(services.redis.url);
    const commands = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await counter.info('commandstats'))?.[1] ?? 0);
    await member.limiter.take([charge(LARGE, 'a')]);
    await member.limiter.synchronize();
    const before = await commands();
    for (let call = 0; call < 1000; call += 1) await member.limiter.take([charge(LARGE, 'a')]);
    expect((await commands()) - before).toBeLessThanOrEqual(50);

    await storm([member.limiter], [charge(STRICT, 'a')], 50);
    const denied = await commands();
    for (let call = 0; call < 1000; call += 1)
      expect(member.limiter.take([charge(STRICT, 'a')])).not.toBeInstanceOf(Promise);
    // A beat may fall into it.
    expect((await commands()) - denied).toBeLessThanOrEqual(1);
    expect(await member.metric('rate_limiter_denial_cache_total')).toBeGreaterThanOrEqual(1000);
    counter.disconnect();
  });

  it('goes on when the server has lost its scripts', async () => {
    const [member] = await startMembers(1);
    await member?.redis.client('rateLimit').script('FLUSH');
    expect(await storm(member === undefined ? [] : [member.limiter], [charge(STRICT, 'a')], 100)).toBe(20);
    expect(await member?.metric('rate_limiter_fallback_total')).toBe(0);
  });

  it('limits from memory while Redis is dead, in all at most a little more than the limit, and shares again', async () => {
    const members = await startMembers(4);
    const limiters = members.map(({ limiter }) => limiter);
    services.redis.kill();
    await services.redis.waitForExit();
    for (const policy of [LARGE, { ...STRICT, limit: 60 }]) {
      const admitted = await storm(limiters, [charge(policy, newId())], policy.limit * 3);
      expect(admitted / policy.limit).toBeLessThanOrEqual(1.15);
      expect(admitted / policy.limit).toBeGreaterThanOrEqual(0.9);
    }
    expect(await members[0]?.metric('rate_limiter_fallback_active')).toBe(1);
    await services.redis.restart();
    await waitFor('the return of Redis', async () => {
      const active = await Promise.all(
        members.map((member) => member.metric('rate_limiter_fallback_active')),
      );
      return active.every((value) => value === 0);
    });
    expect(await storm(limiters, [charge(STRICT, newId())], 400)).toBe(STRICT.limit);
  });

  it('tells Redis what it admitted without it', async () => {
    const [first, second] = await startMembers(2);
    if (first === undefined || second === undefined) throw new Error('no fleet');
    services.redis.kill('SIGSTOP');
    for (let call = 0; call < 10; call += 1) await first.limiter.take([charge(STRICT, 'a')]);
    services.redis.kill('SIGCONT');
    await waitFor('what was admitted to be known', async () => {
      await first.limiter.synchronize();
      const { states } = await second.limiter.peek([charge(STRICT, 'a')]);
      // The first call may have reached the server and been counted from memory as well.
      return (states[0]?.remaining ?? STRICT.limit) <= STRICT.limit - 10;
    });
  });

  it('tells a log that several policies share once', async () => {
    const [first, second] = await startMembers(2);
    if (first === undefined || second === undefined) throw new Error('no fleet');
    const log = { name: 'visits', windowMs: 120_000 };
    const short: RateLimitPolicy = { name: 'short', limit: 50, windowMs: 60_000, log };
    const long: RateLimitPolicy = { name: 'long', limit: 100, windowMs: 120_000, log };
    const charges = [charge(short, 'a'), charge(long, 'a')];
    services.redis.kill('SIGSTOP');
    for (let call = 0; call < 10; call += 1) await first.limiter.take(charges);
    services.redis.kill('SIGCONT');
    const remaining = async () => (await second.limiter.peek(charges)).states.map((state) => state.remaining);
    await waitFor('what was admitted to be known', async () => {
      await first.limiter.synchronize();
      return ((await remaining())[1] ?? 100) <= 90;
    });
    await Promise.all(charges.map((each) => first.limiter.penalize(each)));
    await Promise.all(charges.map((each) => first.limiter.penalize(each)));
    await Promise.all(charges.map((each) => first.limiter.refund(each)));
    const [ofShort = 0, ofLong = 0] = await remaining();
    // The first call may have reached the server and been counted from memory as well.
    expect([11, 12]).toContain(100 - ofLong);
    expect(50 - ofShort).toBe(100 - ofLong);
  });

  it('costs one deadline when Redis hangs, and nothing afterwards', async () => {
    const [member] = await startMembers(1, { REDIS_COMMAND_TIMEOUT_MS: '50' });
    if (member === undefined) throw new Error('no member');
    services.redis.kill('SIGSTOP');
    const start = performance.now();
    const first: Decision = await member.limiter.take([charge(STRICT, 'a')]);
    const firstMs = performance.now() - start;
    expect(first.outcome).toBe('admitted');
    // A busy machine fires timers late; the deadline itself is 50 ms.
    expect(firstMs).toBeLessThan(500);
    for (let call = 0; call < 10; call += 1)
      expect(member.limiter.take([charge(STRICT, 'a')])).not.toBeInstanceOf(Promise);
    services.redis.kill('SIGCONT');
  });

  it('lets nobody pass under a policy that must not be decided from memory', async () => {
    const [member] = await startMembers(1);
    services.redis.kill();
    await services.redis.waitForExit();
    const policy: RateLimitPolicy = { ...STRICT, withoutRedis: 'deny' };
    expect(await member?.limiter.take([charge(policy, 'a')])).toMatchObject({ outcome: 'unavailable' });
    expect((await member?.limiter.take([charge(STRICT, 'a')]))?.outcome).toBe('admitted');
  });
});
