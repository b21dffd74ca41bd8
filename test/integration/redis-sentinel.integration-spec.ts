import { Redis } from 'ioredis';
import { isRedisUnavailable } from '../../src/infrastructure/redis/index.js';
import { RedisUnderTest, timed } from '../support/redis-under-test.js';
import { type RedisSentinel, startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 300;
const MARGIN_MS = 3000;
const KEY = '{failover}';

describe('a role behind Sentinel', () => {
  let services: TestServices;
  let sentinel: RedisSentinel;
  let redis: RedisUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    sentinel = await services.startRedisSentinel();
    redis = await RedisUnderTest.start(sentinel.url, { REDIS_COMMAND_TIMEOUT_MS: String(DEADLINE_MS) });
  });

  afterAll(async () => {
    redis.close();
    await services.close();
  });

  it('follows a failover after kill -9 of the master without a restart, answering within the deadline', async () => {
    const messages: string[] = [];
    let gaps = 0;
    const subscription = redis.service.subscribe('main', 'news', {
      onMessage: (message) => messages.push(message),
      onGap: () => (gaps += 1),
    });
    await waitFor('the subscription', () => subscription.isLive);
    await redis.client.set(KEY, 'before', 'PX', 60_000);
    await waitFor('the run id', () => redis.service.runIdOf('main', KEY) !== null);
    const runId = redis.service.runIdOf('main', KEY);
    const old = await sentinel.master();
    old.kill('SIGKILL');

    await waitFor(
      'a write on the new master',
      async () => {
        const { ms, value, error } = await timed(redis.client.set(KEY, 'after', 'PX', 60_000));
        expect(ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
        if (error !== undefined) expect(isRedisUnavailable(error)).toBe(true);
        return value === 'OK';
      },
      30_000,
    );
    expect(await sentinel.master()).not.toBe(old);
    expect(await redis.client.get(KEY)).toBe('after');
    await waitFor('another run id', () => ![null, runId].includes(redis.service.runIdOf('main', KEY)));
    await waitFor('the subscription', () => subscription.isLive);
    expect(gaps).toBeGreaterThanOrEqual(3);
    await redis.client.publish('news', 'heard');
    await waitFor('a message', () => messages.includes('heard'));
    await old.restart();
  }, 60_000);

  it('goes on when a failover is announced while it is asking for the master', async () => {
    const { client } = redis;
    await waitFor('the client', () => client.status === 'ready');
    if (!(client instanceof Redis)) throw new Error('a role behind Sentinel has a client of one server');
    let hasEnded = false;
    client.once('end', () => (hasEnded = true));
    client.once('connecting', () => {
      // What the failover detector of the connection before does with the announcement.
      (Reflect.get(client, 'connector') as { disconnect(): void }).disconnect();
    });
    client.disconnect(true);
    await waitFor('the end of the client', () => hasEnded);
    await waitFor('the client', () => client.status === 'ready');
    expect(await client.set(KEY, 'later', 'PX', 60_000)).toBe('OK');
  });

  it('leaves a master that hung and was replaced', async () => {
    await waitFor('the master', () => redis.client.ping().then(Boolean, () => false));
    const old = await sentinel.master();
    // The sentinels take some ten seconds to make the old master a replica of the new one.
    await waitFor(
      'a replica to fail over to',
      async () => (await redis.client.info('replication').catch(() => '')).includes('state=online'),
      40_000,
    );
    old.kill('SIGSTOP');
    await waitFor('another master', async () => (await sentinel.master()) !== old, 30_000);
    old.kill('SIGCONT');
    // It may answer as a master for a moment, until the sentinels have told it what it is now.
    const { port } = await sentinel.master();
    await waitFor(
      'a write on the new master',
      async () => {
        const isThere = (await redis.client.info('server').catch(() => '')).includes(
          `tcp_port:${String(port)}`,
        );
        return isThere && (await redis.client.set(KEY, 'once', 'PX', 60_000).catch(() => null)) === 'OK';
      },
      30_000,
    );
  }, 100_000);
});
