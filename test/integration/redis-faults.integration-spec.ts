import { isRedisUnavailable, RedisScript } from '../../src/infrastructure/redis/index.js';
import { flushScripts, onServer, pauseClients, whileFrozen } from '../support/redis-faults.js';
import { RedisUnderTest, timed } from '../support/redis-under-test.js';
import { type RedisCluster, startTestServices, type TestServices } from '../support/services/index.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 200;
/** For a machine whose cores are shared. */
const MARGIN_MS = 200;
const ENV = { REDIS_COMMAND_TIMEOUT_MS: String(DEADLINE_MS) };

const pairCount = new RedisScript<number>(
  new URL('../support/scripts/pair-count.lua', import.meta.url),
  Number,
);

const succeeds = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

describe('a role that is one Redis', () => {
  let services: TestServices;
  let proxy: TcpProxy;
  let redis: RedisUnderTest;
  let witness: RedisUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
  });

  beforeEach(async () => {
    proxy = await TcpProxy.start(services.redis.port);
    redis = await RedisUnderTest.start(`redis://127.0.0.1:${String(proxy.port)}`, ENV);
    witness = await RedisUnderTest.start(services.redis.url, { REDIS_COMMAND_TIMEOUT_MS: '10000' });
    await witness.client.flushall();
  });

  afterEach(() => {
    redis.close();
    witness.close();
    proxy.close();
  });

  afterAll(() => services.close());

  it('settles every call within its deadline while the server hangs, and then fails at once', async () => {
    await whileFrozen(services.redis, async () => {
      const { client } = redis;
      const pipeline = client.pipeline();
      for (let i = 0; i < 50; i += 1) pipeline.get('{k}');
      const calls = [
        timed(client.get('{k}')),
        timed(client.set('{k}', '1')),
        timed(pairCount.run(client, ['{k}:1', '{k}:2'], [1000])),
        ...(await Promise.all([timed(pipeline.exec())])).map(async (done) => {
          // A pipeline never fails as a whole: each of its commands does.
          expect(done.value?.map(([error]) => isRedisUnavailable(error))).toEqual(Array(50).fill(true));
          return Promise.resolve({ ...done, error: done.value?.[0]?.[0] });
        }),
      ];
      for (const { ms, error } of await Promise.all(calls)) {
        expect(isRedisUnavailable(error)).toBe(true);
        expect(ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
      }
      await waitFor('the connection to be given up', async () => {
        await timed(client.ping());
        return !redis.service.isReady('main');
      });
      expect((await timed(client.ping())).ms).toBeLessThan(MARGIN_MS);
    });
    await redis.ready();
    expect(await redis.metric('redis_command_timeouts_total{role="main"}')).toBeGreaterThanOrEqual(53);
    expect(await redis.metric('redis_pending_commands{role="main"}')).toBe(0);
    expect(await redis.metric('redis_reconnects_total{role="main"}')).toBeGreaterThanOrEqual(1);
  });

  it('executes a command once whose reply was cut, and tells its caller that it failed', async () => {
    proxy.cutReplies();
    const { error } = await timed(redis.client.incr('{cut}'));
    expect(isRedisUnavailable(error)).toBe(true);
    proxy.restore();
    await redis.ready();
    expect(await witness.client.get('{cut}')).toBe('1');
  });

  it('executes nothing that was asked for while there was no connection', async () => {
    proxy.cut();
    await waitFor('the loss', () => !redis.service.isReady('main'));
    const answers = await Promise.all(Array.from({ length: 100 }, () => timed(redis.client.incr('{queue}'))));
    expect(answers.every(({ error }) => isRedisUnavailable(error))).toBe(true);
    proxy.restore();
    await redis.ready();
    expect(await witness.client.get('{queue}')).toBeNull();
  });

  it('leaves a half-open connection and recovers on a new one', async () => {
    proxy.freeze();
    await waitFor('the connection to be given up', async () => {
      expect((await timed(redis.client.ping())).ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
      return !redis.service.isReady('main');
    });
    proxy.restore();
    await redis.ready();
  });

  it('does not take a slow network or a paused server for a lost one', async () => {
    proxy.delay(20);
    expect(await redis.client.set('{slow}', 'yes', 'PX', 60_000)).toBe('OK');
    proxy.restore();
    await pauseClients(services.redis.url, 50, 'WRITE');
    expect(await redis.client.incr('{slow}:count')).toBe(1);
    expect(await redis.metric('redis_reconnects_total{role="main"}')).toBe(0);
  });

  it('runs its scripts after a flush and a restart, alone and many at once', async () => {
    const { client } = redis;
    const many = () =>
      pairCount.runAll(
        client,
        ['a', 'b', 'c'].map((tag) => ({ keys: [`{${tag}}:1`, `{${tag}}:2`], args: [60_000] })),
      );
    expect(await pairCount.run(client, ['{a}:1', '{a}:2'], [60_000])).toBe(1);
    await flushScripts(services.redis.url);
    expect(await pairCount.run(client, ['{a}:1', '{a}:2'], [60_000])).toBe(2);
    await flushScripts(services.redis.url);
    expect(await many()).toEqual([3, 1, 1]);
    await services.redis.restart();
    await redis.ready();
    expect(await many()).toEqual([1, 1, 1]);
    expect(await redis.metric('redis_script_loads_total{role="main"}')).toBeGreaterThanOrEqual(3);
  });

  it('refuses keys that could not go into one script of a cluster before it sends them', async () => {
    const { client } = redis;
    await expect(pairCount.run(client, ['{a}:1', '{b}:2'], [1000])).rejects.toThrow(/no hash tag in common/);
    await expect(pairCount.run(client, ['{a}:1'], [1000])).rejects.toThrow(/takes 2 keys, not 1/);
    await expect(
      pairCount.runAll(client, [{ keys: ['{a}:1', '{a}:2', '{a}:3'], args: [1000] }]),
    ).rejects.toThrow(/takes 2 keys, not 3/);
    expect(await witness.client.dbsize()).toBe(0);
  });

  it('takes a server that was made a replica, and one that loads its data, for an outage that ends', async () => {
    const [master, server] = [await services.startAnotherRedis(), await services.startAnotherRedis()];
    const patient = { REDIS_COMMAND_TIMEOUT_MS: '2000' };
    const [writer, reader] = [
      await RedisUnderTest.start(server.url, patient),
      // One that never writes is not sent away by READONLY, and is still connected when the loading begins.
      await RedisUnderTest.start(server.url, patient),
    ];
    await onServer(master.url, async (admin) => {
      await admin.config('SET', 'repl-diskless-sync-delay', '0');
      const fill = admin.pipeline();
      for (let i = 0; i < 20_000; i += 1) fill.set(`filler:${String(i)}`, 'x'.repeat(200));
      await fill.exec();
    });
    await onServer(server.url, async (admin) => {
      // Microseconds for each key, and a look at the clients after each kilobyte.
      await admin.config('SET', 'key-load-delay', '200');
      await admin.config('SET', 'loading-process-events-interval-bytes', '1024');
      await admin.replicaof('127.0.0.1', master.port);
      const outages = new Set<string>();
      await waitFor('READONLY and LOADING', async () => {
        for (const { error } of [
          await timed(writer.client.set('{k}', '1')),
          await timed(reader.client.get('{k}')),
        ]) {
          if (!(error instanceof Error)) continue;
          expect([error.message, isRedisUnavailable(error)]).toEqual([error.message, true]);
          outages.add(error.message.split(' ')[0] ?? '');
        }
        return outages.has('READONLY') && outages.has('LOADING');
      });
      await admin.config('SET', 'key-load-delay', '0');
      await waitFor('the end of the loading', () => succeeds(admin.replicaof('NO', 'ONE')));
    });
    await waitFor('a master', () => succeeds(writer.client.set('{k}', '1', 'PX', 1000)));
    writer.close();
    reader.close();
  });

  it('sends what is asked for in one turn of the event loop at once, in its order', async () => {
    // Past the proxy, which reads and writes in pieces of its own.
    const direct = await RedisUnderTest.start(services.redis.url, { REDIS_COMMAND_TIMEOUT_MS: '10000' });
    const reads = async () =>
      Number(/^total_reads_processed:(\d+)/m.exec(await witness.client.info('stats'))?.[1]);
    const before = await reads();
    const calls = Array.from({ length: 100 }, (_, n) => direct.client.rpush('{k}', String(n)));
    const pipelined = direct.client.pipeline().rpush('{k}', 'a').rpush('{k}', 'b').exec();
    const lengths = await Promise.all([...calls, pairCount.run(direct.client, ['{p}:1', '{p}:2'], [1000])]);
    await pipelined;
    // One is that of the question itself; a megabyte would come in pieces, this does not.
    expect((await reads()) - before).toBeLessThanOrEqual(3);
    expect(lengths.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    expect(await direct.client.lrange('{k}', -3, -1)).toEqual(['99', 'a', 'b']);
    direct.close();
  });

  it('gives up those commands of a turn that have no answer, and none of the others', async () => {
    const { client } = redis;
    const blockedS = (4 * DEADLINE_MS) / 1000;
    const [answers, alone] = await Promise.all([
      client.pipeline().set('{k}', 'set').blpop('{nothing}', blockedS).get('{k}').exec(),
      timed(client.get('{k}')),
    ]);
    expect(answers?.map(([error]) => isRedisUnavailable(error))).toEqual([false, true, true]);
    expect(isRedisUnavailable(alone.error)).toBe(true);
    expect(await redis.metric('redis_command_timeouts_total{role="main"}')).toBe(3);
    // The late answers go to nobody.
    await waitFor('an answer', async () => (await timed(client.strlen('{k}'))).value === 3);
    expect(await redis.metric('redis_pending_commands{role="main"}')).toBe(0);
  });

  it('does not hold a long turn of its own event loop against the server', async () => {
    const answers = [redis.client.get('{k}'), redis.client.incr('{k}')];
    const endMs = performance.now() + 2 * DEADLINE_MS;
    while (performance.now() < endMs);
    answers.push(redis.client.incr('{k}'));
    expect(await Promise.all(answers)).toEqual([null, 1, 2]);
    expect(await redis.metric('redis_command_timeouts_total{role="main"}')).toBe(0);
  });

  it('counts what it does', async () => {
    const before = await redis.metric('redis_command_duration_seconds_count{role="main"}');
    await Promise.all(Array.from({ length: 10 }, () => redis.client.ping()));
    expect(await redis.metric('redis_command_duration_seconds_count{role="main"}')).toBe(before + 10);
    expect(await redis.metric('redis_command_duration_seconds_bucket{le="+Inf",role="main"}')).toBe(
      before + 10,
    );
    expect(await redis.metric('redis_connected{role="sessions"}')).toBe(1);
  });
});

describe('scripts in a cluster', () => {
  let services: TestServices;
  let cluster: RedisCluster;
  let redis: RedisUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    cluster = await services.startRedisCluster();
    redis = await RedisUnderTest.start(cluster.url, { REDIS_COMMAND_TIMEOUT_MS: '1000' });
  });

  afterAll(async () => {
    redis.close();
    await services.close();
  });

  it('run many at once over all nodes, also when the nodes have lost them', async () => {
    const tags = Array.from({ length: 60 }, (_, i) => `tag-${String(i)}`);
    const many = () =>
      pairCount.runAll(
        redis.client,
        tags.map((tag) => ({ keys: [`{${tag}}:1`, `{${tag}}:2`], args: [60_000] })),
      );
    expect(await many()).toEqual(tags.map(() => 1));
    for (const { url } of cluster.nodes) await flushScripts(url);
    expect(await many()).toEqual(tags.map(() => 2));
  });

  it('over several keys give no wrong answer while their slot moves under load', async () => {
    const tag = '{moving-pair}';
    const from = await cluster.nodeOf(tag);
    const to = cluster.nodes.find((node) => node !== from)!;
    let isMoving = true;
    const wrong: unknown[] = [];
    let [answered, unavailable] = [0, 0];
    const workers = Array.from({ length: 8 }, async (_, worker) => {
      for (let last = 0; isMoving;) {
        const { value, error } = await timed(
          pairCount.run(redis.client, [`${tag}:${String(worker)}:1`, `${tag}:${String(worker)}:2`], [60_000]),
        );
        // While only one of the two keys has moved nobody can answer (TRYAGAIN), which is an outage.
        if (error !== undefined) {
          unavailable += 1;
          if (!isRedisUnavailable(error)) wrong.push(error);
        } else if (value !== last + 1) wrong.push([worker, last, value]);
        else {
          answered += 1;
          last = value;
        }
      }
    });
    await waitFor('some load', () => answered > 50);
    await cluster.moveSlotOf(tag, to, async () => {
      const before = answered + unavailable;
      await waitFor('load on a slot that is half moved', () => answered + unavailable > before + 20);
    });
    const before = answered;
    await waitFor('load on the new node', () => answered > before + 50);
    isMoving = false;
    await Promise.all(workers);
    expect(wrong).toEqual([]);
  });
});
