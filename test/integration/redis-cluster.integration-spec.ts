import { isRedisUnavailable } from '../../src/infrastructure/redis/index.js';
import { onServer, whileFrozen } from '../support/redis-faults.js';
import { RedisUnderTest, timed } from '../support/redis-under-test.js';
import {
  type Redis,
  type RedisCluster,
  startTestServices,
  type TestServices,
} from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 300;
/** For a machine whose cores are shared. */
const MARGIN_MS = 3000;

describe('a role that is a Redis Cluster', () => {
  let services: TestServices;
  let cluster: RedisCluster;
  let redis: RedisUnderTest;

  /** A key that the node serves. */
  const keyOn = async (node: Redis): Promise<string> => {
    for (let i = 0; ; i += 1)
      if ((await cluster.nodeOf(`{tag-${String(i)}}`)) === node) return `{tag-${String(i)}}`;
  };
  const runIdFrom = (node: Redis) =>
    onServer(node.url, async (server) => /run_id:(\w+)/.exec(await server.info('server'))?.[1]);

  beforeAll(async () => {
    services = await startTestServices();
    cluster = await services.startRedisCluster();
  });

  beforeEach(async () => {
    redis = await RedisUnderTest.start(cluster.url, { REDIS_COMMAND_TIMEOUT_MS: String(DEADLINE_MS) });
  });

  afterEach(() => {
    redis.close();
  });

  afterAll(() => services.close());

  it('serves keys of every node, and knows the server process behind each', async () => {
    for (const node of cluster.nodes) {
      const key = await keyOn(node);
      await redis.client.set(key, 'value', 'PX', 10_000);
      expect(await redis.client.get(key)).toBe('value');
      const runId = await runIdFrom(node);
      await waitFor('the run id', () => redis.service.runIdOf('main', key) === runId);
    }
  });

  it('sends what is asked of a node in one turn of the event loop at once, and holds no long turn against it', async () => {
    const [node] = cluster.nodes;
    if (node === undefined) throw new Error('there is no node');
    const key = `${await keyOn(node)}:turn`;
    const reads = () =>
      onServer(node.url, async (server) =>
        Number(/total_reads_processed:(\d+)/.exec(await server.info('stats'))?.[1]),
      );
    const before = await reads();
    const lengths = Array.from({ length: 100 }, (_, n) => redis.client.rpush(key, String(n)));
    const endMs = performance.now() + 2 * DEADLINE_MS;
    while (performance.now() < endMs);
    expect(await Promise.all(lengths)).toEqual(lengths.map((_, n) => n + 1));
    // Most of them are those of the connection that asks.
    expect((await reads()) - before).toBeLessThan(20);
    expect(await redis.metric('redis_command_timeouts_total{role="main"}')).toBe(0);
  });

  it('gives no wrong answer and fails nothing while a slot moves under load', async () => {
    const key = '{moving}';
    // Nothing may fail because the machine's disk or cores were busy for a while.
    const patient = await RedisUnderTest.start(cluster.url, { REDIS_COMMAND_TIMEOUT_MS: '10000' });
    const from = await cluster.nodeOf(key);
    const to = cluster.nodes.find((node) => node !== from)!;
    let isMoving = true;
    const failures: unknown[] = [];
    // Each worker counts on a key of its own, so that every answer is known beforehand.
    const workers = Array.from({ length: 16 }, async (_, worker) => {
      for (let expected = 1; isMoving || expected < 20; expected += 1) {
        try {
          expect(await patient.client.incr(`${key}:${String(worker)}`)).toBe(expected);
        } catch (error) {
          failures.push(error);
          return;
        }
      }
    });
    await waitFor('some load', async () => Number(await patient.client.get(`${key}:0`)) > 5);
    await cluster.moveSlotOf(key, to, async () => {
      const before = Number(await patient.client.get(`${key}:0`));
      await waitFor(
        'load while half of the keys have moved',
        async () => Number(await patient.client.get(`${key}:0`)) > before + 20,
      );
    });
    const before = Number(await patient.client.get(`${key}:0`));
    await waitFor(
      'load on the new node',
      async () => Number(await patient.client.get(`${key}:0`)) > before + 20,
    );
    isMoving = false;
    await Promise.all(workers);
    expect(failures).toEqual([]);
    expect(await cluster.nodeOf(key)).toBe(to);
    const runId = await runIdFrom(to);
    await waitFor('the run id of the new node', () => patient.service.runIdOf('main', key) === runId);
    patient.close();
  });

  it('does not execute a command behind the back of a caller who was told that it failed', async () => {
    const key = '{abandoned}';
    const from = await cluster.nodeOf(key);
    const to = cluster.nodes.find((node) => node !== from)!;
    const witness = await RedisUnderTest.start(cluster.url);
    await redis.client.set(key, '0', 'PX', 60_000);
    await cluster.moveSlotOf(key, to);
    // The client does not know of the move yet: the old node will send it on, but too late.
    const answer = await whileFrozen(from, () => timed(redis.client.incr(key)));
    expect(isRedisUnavailable(answer.error)).toBe(true);
    expect(answer.ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
    // Behind it on the same connection.
    const other = await keyOn(from);
    await waitFor('the old node', () =>
      redis.client.get(other).then(
        () => true,
        () => false,
      ),
    );
    await redis.client.ping();
    expect(await witness.client.get(key)).toBe('0');
    witness.close();
  });

  it('answers within the deadline while a node hangs, and goes on when it does', async () => {
    const [node] = cluster.nodes;
    const [key, other] = [await keyOn(node!), await keyOn(cluster.nodes[1]!)];
    await whileFrozen(node!, async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => timed(redis.client.get(key))));
      expect(answers.filter(({ error }) => !isRedisUnavailable(error))).toEqual([]);
      expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(DEADLINE_MS + MARGIN_MS);
      expect(await redis.client.get(other)).toBe('value');
    });
    await waitFor(
      'the node',
      () =>
        redis.client.get(key).then(
          () => true,
          () => false,
        ),
      20_000,
    );
  });

  it('answers within the deadline while a node is dead, and finds it again', async () => {
    const node = cluster.nodes[2]!;
    const key = await keyOn(node);
    node.kill('SIGKILL');
    await node.waitForExit();
    const endMs = performance.now() + 1500;
    while (performance.now() < endMs) {
      const { ms, error } = await timed(redis.client.set(key, 'value', 'PX', 1000));
      expect(isRedisUnavailable(error)).toBe(true);
      expect(ms).toBeLessThan(DEADLINE_MS + MARGIN_MS);
    }
    await node.restart();
    await waitFor(
      'the node',
      () =>
        redis.client.set(key, 'value', 'PX', 1000).then(
          () => true,
          () => false,
        ),
      20_000,
    );
  });

  it('carries messages between processes, whatever node they are on', async () => {
    const messages: string[] = [];
    let gaps = 0;
    const subscription = redis.service.subscribe('main', 'news', {
      onMessage: (message) => messages.push(message),
      onGap: () => (gaps += 1),
    });
    await waitFor('the subscription', () => subscription.isLive);
    for (const node of cluster.nodes)
      await onServer(node.url, (server) => server.publish('news', String(node.port)));
    await waitFor('the messages', () => messages.length === cluster.nodes.length);
    expect(messages).toEqual(cluster.nodes.map(({ port }) => String(port)));
    expect(gaps).toBe(1);
  });
});
