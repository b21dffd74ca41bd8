import type { RateLimiter, RateLimitPolicy } from '../../src/core/rate-limiter/index.js';
import { charge, LimiterFleet, LimiterMember, storm } from '../support/limiter-fleet.js';
import { onServer } from '../support/redis-faults.js';
import {
  type Redis,
  type RedisSentinel,
  startTestServices,
  type TestServices,
} from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

/** Longer than any run of a test: nothing that was taken comes back meanwhile. */
const WINDOW_MS = 3_600_000;
const STRICT: RateLimitPolicy = { name: 'strict', limit: 20, windowMs: WINDOW_MS };
const LARGE: RateLimitPolicy = { name: 'large', limit: 3000, windowMs: WINDOW_MS };
const GUARDED: RateLimitPolicy = { ...STRICT, name: 'guarded', withoutRedis: 'deny' };
const MEMBERS = 3;
const RECOVERY_DEADLINE_MS = 60_000;
const TEST_DEADLINE_MS = 120_000;

/** What holds on one Redis holds on a cluster of them, and where sentinels replace the master. */
describe('the rate limiter', () => {
  let services: TestServices;
  let fleet: LimiterFleet;

  beforeEach(async () => {
    services = await startTestServices();
    fleet = new LimiterFleet(services);
  });

  afterEach(async () => {
    await fleet.close();
    await services.close();
  });

  const start = async (url: string, timeoutMs: number) => {
    const members = await fleet.start(MEMBERS, {
      REDIS_RATE_LIMIT_URL: url,
      REDIS_COMMAND_TIMEOUT_MS: String(timeoutMs),
    });
    return { members, limiters: members.map(({ limiter }) => limiter) };
  };

  it('shares its limits through a Redis Cluster, every call in one slot', async () => {
    const cluster = await services.startRedisCluster();
    const { members, limiters } = await start(cluster.url, 3000);
    const wide: RateLimitPolicy = { ...STRICT, name: 'wide', limit: 30 };
    for (let subject = 0; subject < 12; subject += 1) {
      const both = [charge(STRICT, `user-${String(subject)}`), charge(wide, `user-${String(subject)}`)];
      expect(await storm(limiters, both, 150)).toBe(STRICT.limit);
      for (const limiter of limiters) await limiter.take([charge(LARGE, `user-${String(subject)}`)]);
    }
    await Promise.all(limiters.map((limiter) => limiter.synchronize()));
    for (const member of members) expect(await member.metric('rate_limiter_fallback_total')).toBe(0);
  });

  describe('behind sentinels', () => {
    const replicated = async (from: Redis, to: Redis): Promise<void> => {
      const offsetOf = async ({ url }: Redis, field: string) =>
        Number(
          new RegExp(`^${field}:(\\d+)`, 'm').exec(
            await onServer(url, (server) => server.info('replication')),
          )?.[1],
        );
      const writtenAt = await offsetOf(from, 'master_repl_offset');
      await waitFor('the replica', async () => (await offsetOf(to, 'slave_repl_offset')) >= writtenAt);
    };
    const isFallback = (member: LimiterMember) => member.metric('rate_limiter_fallback_active');
    const degraded = (members: readonly LimiterMember[]) =>
      waitFor(
        'everybody to notice the loss',
        async () => {
          // Only a command that fails tells.
          await Promise.all(members.map(({ limiter }) => limiter.synchronize()));
          return (await Promise.all(members.map(isFallback))).every((active) => active === 1);
        },
        RECOVERY_DEADLINE_MS,
      );
    const recovered = async (sentinel: RedisSentinel, old: Redis, members: readonly LimiterMember[]) => {
      await waitFor('another master', async () => (await sentinel.master()) !== old, RECOVERY_DEADLINE_MS);
      await waitFor(
        'everybody to use the new master, and to count the others',
        async () =>
          (
            await Promise.all(
              members.map(
                async (member) =>
                  (await isFallback(member)) === 0 &&
                  (await member.metric('rate_limiter_live_pods')) === MEMBERS,
              ),
            )
          ).every(Boolean),
        RECOVERY_DEADLINE_MS,
      );
      for (const { limiter } of members) await limiter.synchronize();
    };
    const outcomes = (limiters: readonly RateLimiter[], policy: RateLimitPolicy, subject: string) =>
      Promise.all(limiters.map(async (each) => (await each.take([charge(policy, subject)])).outcome));
    const all = (outcome: string) => Array<string>(MEMBERS).fill(outcome);

    it(
      'stays within its bound across a failover, takes no denial back, and shares again by itself',
      async () => {
        const sentinel = await services.startRedisSentinel();
        const { members, limiters } = await start(sentinel.url, 3000);
        const [first, ...others] = limiters;
        if (first === undefined) throw new Error('no fleet');
        const admitted = { large: 0, strict: 0 };
        expect(await storm(limiters, [charge(STRICT, 'spent')], 300)).toBe(STRICT.limit);
        expect(await storm(limiters, [charge(GUARDED, 'spent')], 300)).toBe(GUARDED.limit);
        // A part of it on credit and from leases, which the new master has to hear of as well.
        admitted.large += await storm(limiters, [charge(LARGE, 'crowd')], 900);
        await first.take([charge(STRICT, 'uneven', 10)]);

        const old = await sentinel.master();
        const heir = sentinel.servers.find((server) => server !== old);
        if (heir === undefined) throw new Error('there is no replica');
        await replicated(old, heir);
        old.kill('SIGKILL');
        await old.waitForExit();
        await degraded(members);

        // What is known to be denied is denied, and at once; by everybody, since everybody was told.
        expect(await outcomes(limiters, STRICT, 'spent')).toEqual(all('denied'));
        for (const limiter of limiters)
          expect(limiter.take([charge(STRICT, 'spent')])).not.toBeInstanceOf(Promise);
        expect(await outcomes(limiters, GUARDED, 'new')).toEqual(all('unavailable'));
        // Alone, each its share: a third of what nobody has touched.
        const alone = await storm([first], [charge(STRICT, 'alone')], 100);
        expect(alone).toBe(Math.floor(STRICT.limit / MEMBERS));
        admitted.strict = await storm(others, [charge(STRICT, 'uneven')], 100);
        expect(10 + admitted.strict).toBeLessThanOrEqual(2 * STRICT.limit);
        admitted.large += await storm(limiters, [charge(LARGE, 'crowd')], 2 * LARGE.limit);

        await recovered(sentinel, old, members);
        // What was refused for want of a share is admitted now, and with it the limit is reached exactly.
        expect(alone + (await storm([first], [charge(STRICT, 'alone')], 100))).toBe(STRICT.limit);
        expect(await outcomes(limiters, STRICT, 'alone')).toEqual(all('denied'));
        const leftOver = Math.max(0, STRICT.limit - 10 - admitted.strict);
        expect(await storm(limiters, [charge(STRICT, 'uneven')], 150)).toBe(leftOver);
        admitted.large += await storm(limiters, [charge(LARGE, 'crowd')], 2 * LARGE.limit);
        expect(admitted.large / LARGE.limit).toBeLessThanOrEqual(1.15);
        expect(admitted.large / LARGE.limit).toBeGreaterThanOrEqual(0.9);
        // What was spent before is known to the new master, also to who has forgotten it or comes later.
        expect(await outcomes(limiters, STRICT, 'spent')).toEqual(all('denied'));
        const newcomer = new LimiterMember(services, { REDIS_RATE_LIMIT_URL: sentinel.url });
        try {
          await newcomer.join();
          const { outcome } = await newcomer.limiter.peek([charge(STRICT, 'spent')]);
          expect([outcome, await isFallback(newcomer)]).toEqual(['denied', 0]);
        } finally {
          await newcomer.leave();
        }
        expect(await outcomes(limiters, GUARDED, 'new')).toEqual(all('admitted'));
        expect(await storm(limiters, [charge(STRICT, 'fresh')], 300)).toBe(STRICT.limit);
        expect(await storm(limiters, [charge(GUARDED, 'fresh')], 300)).toBe(GUARDED.limit);
      },
      TEST_DEADLINE_MS,
    );

    it(
      'leaves a master that hung and was replaced, and does not go back to it when it goes on',
      async () => {
        const sentinel = await services.startRedisSentinel();
        const { members, limiters } = await start(sentinel.url, 1000);
        const before = await storm(limiters, [charge(LARGE, 'crowd')], 900);
        for (const limiter of limiters) await limiter.synchronize();
        const old = await sentinel.master();
        old.kill('SIGSTOP');
        try {
          await degraded(members);
          const during = await storm(limiters, [charge(LARGE, 'crowd')], 2 * LARGE.limit);
          await recovered(sentinel, old, members);
          old.kill('SIGCONT');
          // It takes itself for the master until the sentinels have told it, and is asked by nobody.
          const after = await storm(limiters, [charge(LARGE, 'crowd')], 2 * LARGE.limit);
          expect((before + during + after) / LARGE.limit).toBeLessThanOrEqual(1.5);
          expect((before + during + after) / LARGE.limit).toBeGreaterThanOrEqual(0.9);
          expect(await storm(limiters, [charge(STRICT, 'fresh')], 300)).toBe(STRICT.limit);
          const { url } = await sentinel.master();
          for (const { redis } of members)
            expect(await redis.client('rateLimit').info('server')).toContain(`tcp_port:${new URL(url).port}`);
        } finally {
          old.kill('SIGCONT');
        }
      },
      TEST_DEADLINE_MS,
    );
  });
});
