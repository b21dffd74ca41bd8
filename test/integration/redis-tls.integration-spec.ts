import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { errorMonitor, type EventEmitter } from 'node:events';
import { join } from 'node:path';
import tls, { TLSSocket } from 'node:tls';
import { RecordingLogger } from '../../src/infrastructure/logging/recording-logger.js';
import { RedisScript } from '../../src/infrastructure/redis/index.js';
import { RedisUnderTest } from '../support/redis-under-test.js';
import { startRedisCluster } from '../support/services/redis-cluster.js';
import { startRedisSentinel } from '../support/services/redis-sentinel.js';
import { sharedServicesWithTls, startRedisWithTls } from '../support/services/redis-tls.js';
import type { SharedServices } from '../support/services/shared-services.js';
import { createTlsFiles, type TlsFiles } from '../support/services/tls-files.js';
import { waitFor } from '../support/wait-for.js';

const ENV = { REDIS_COMMAND_TIMEOUT_MS: '5000' };
const DEADLINE_MS = 30_000;

const pairCount = new RedisScript<number>(
  new URL('../support/scripts/pair-count.lua', import.meta.url),
  Number,
);

/** Real servers with a certificate of a CA of our own, which Node is told of or not. */
describe('a role over TLS', () => {
  const before = tls.getCACertificates('default');
  let shared: SharedServices;
  let files: TlsFiles;
  let stranger: TlsFiles;
  const running: { stop(): Promise<void> }[] = [];
  const opened: RedisUnderTest[] = [];

  const stopLater = <T extends { stop(): Promise<void> }>(server: T): T => {
    running.push(server);
    return server;
  };
  const startServer = async (): Promise<string> => {
    const { server, url } = await startRedisWithTls(shared, files);
    stopLater(server);
    return url;
  };
  const trust = ({ ca }: TlsFiles) => {
    tls.setDefaultCACertificates([...before, ca]);
  };
  /** While nobody knows the CA. */
  const asStrangers = async (work: () => Promise<void>): Promise<void> => {
    trust(stranger);
    try {
      await work();
    } finally {
      trust(files);
    }
  };
  const start = async (url: string): Promise<RedisUnderTest> => {
    const redis = await RedisUnderTest.start(url, ENV);
    opened.push(redis);
    return redis;
  };
  const expectCertificateProblem = async (url: string): Promise<void> => {
    const logger = new RecordingLogger();
    const reasons = () => logger.fieldsOf('warn').map((fields) => String(Reflect.get(fields, 'reason')));
    const redis = RedisUnderTest.open(url, ENV, logger);
    opened.push(redis);
    await waitFor('a reason', () => reasons().length > 0, DEADLINE_MS);
    expect(reasons()[0]).toMatch(/certificate/);
    expect(redis.service.isReady('main')).toBe(false);
    await expect(redis.client.set('{k}', '1')).rejects.toThrow();
    // Once, however often it tries.
    expect(reasons()).toHaveLength(1);
  };
  /** Ends a client as soon as its first connection stands, and tells how often a socket of it said `error`. */
  const endEarly = async (url: string): Promise<number> => {
    const sockets = new Map<TLSSocket, number>();
    const watch = (message: unknown) => {
      const { socket } = message as { socket: unknown };
      if (!(socket instanceof TLSSocket)) return;
      sockets.set(socket, 0);
      const emitter: EventEmitter = socket;
      // This is no listener: an error that has none still ends the test.
      emitter.on(errorMonitor, () => sockets.set(socket, (sockets.get(socket) ?? 0) + 1));
      // In the turn after the one in which it says hello.
      socket.once('connect', () => {
        setImmediate(() => {
          redis.close();
        });
      });
    };
    subscribe('net.client.socket', watch);
    const redis = RedisUnderTest.open(url, ENV);
    await waitFor(
      'the sockets to close',
      () => sockets.size > 0 && [...sockets.keys()].every((socket) => socket.closed),
    );
    unsubscribe('net.client.socket', watch);
    return Math.max(...sockets.values());
  };
  /** What the log says when nobody knows the CA, and that nothing is served. */
  const expectRefusal = (url: string): Promise<void> =>
    asStrangers(async () => {
      await expectCertificateProblem(url);
      for (let times = 0; times < 5; times += 1) await endEarly(url);
    });
  const expectService = async (redis: RedisUnderTest): Promise<void> => {
    const messages: string[] = [];
    const subscription = redis.service.subscribe('main', 'news', {
      onMessage: (message) => messages.push(message),
    });
    await waitFor('the subscription', () => subscription.isLive, DEADLINE_MS);
    for (const tag of ['a', 'b', 'c', 'd', 'e', 'f'])
      expect(await pairCount.run(redis.client, [`{${tag}}:1`, `{${tag}}:2`], [60_000])).toBe(1);
    await redis.client.publish('news', 'heard');
    await waitFor('a message', () => messages.includes('heard'));
    expect(redis.service.runIdOf('main', '{a}')).toMatch(/^\w{40}$/);
    subscription.close();
  };

  beforeAll(async () => {
    shared = await sharedServicesWithTls();
    const directory = join(shared.directory, `tls-${randomBytes(8).toString('hex')}`);
    files = createTlsFiles(join(directory, 'ours'));
    stranger = createTlsFiles(join(directory, 'other'));
    trust(files);
  });

  afterEach(async () => {
    for (const redis of opened.splice(0)) redis.close();
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });

  afterAll(() => {
    tls.setDefaultCACertificates(before);
  });

  it('is served by one server, and refuses one that it has no reason to trust', async () => {
    const url = await startServer();
    await expectService(await start(url));
    await expectRefusal(url);
    // The certificate is for the address: the name of the same machine is not in it.
    const redis = RedisUnderTest.open(url.replace('127.0.0.1', 'localhost'), ENV);
    opened.push(redis);
    const refused = new Promise<Error>((resolve) => redis.client.once('error', resolve));
    expect((await refused).message).toMatch(/does not match certificate/);
  }, 60_000);

  it('outlives an end in the middle of a handshake, of which its socket says twice that it went wrong', async () => {
    const url = await startServer();
    await asStrangers(() => waitFor('a second error', async () => (await endEarly(url)) > 1));
  }, 60_000);

  it('is served by a cluster, also behind a redirect', async () => {
    const cluster = stopLater(await startRedisCluster(shared, { tls: files }));
    const redis = await start(cluster.url);
    await expectService(redis);
    const from = await cluster.nodeOf('{moved}');
    const to = cluster.nodes.find((node) => node !== from);
    if (to === undefined) throw new Error('the cluster has one node');
    await cluster.moveSlotOf('{moved}', to);
    expect(await redis.client.set('{moved}', 'there', 'PX', 60_000)).toBe('OK');
    expect(await redis.client.get('{moved}')).toBe('there');
    await expectRefusal(cluster.url);
  }, 90_000);

  it('is served by the master that sentinels name, also after a failover', async () => {
    const sentinel = stopLater(await startRedisSentinel(shared, files));
    const redis = await start(sentinel.url);
    await expectService(redis);
    await expectRefusal(sentinel.url);
    const old = await sentinel.master();
    old.kill('SIGKILL');
    await old.waitForExit();
    await waitFor(
      'a write on the new master',
      () =>
        redis.client.set('{later}', 'written', 'PX', 60_000).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    expect(await sentinel.master()).not.toBe(old);
  }, 120_000);
});
