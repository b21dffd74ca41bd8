import { Redis } from 'ioredis';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { MonitorLease } from '../../src/core/session-monitor/monitor-lease.js';
import type { SessionStatistics } from '../../src/core/session-monitor/index.js';
import { WorkerSessionMonitorService } from '../../src/core/session-monitor/worker-session-monitor.service.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { getSharedServices } from '../support/services/shared-services.js';
import { type RedisCluster, startRedisCluster } from '../support/services/redis-cluster.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { sessionRecord } from '../support/session-books.js';
import { SessionInstance } from '../support/session-instance.js';
import { waitFor } from '../support/wait-for.js';

/** The thread as it is shipped. */
const WORKER_FILE = new URL('../../dist/core/session-monitor/session-monitor.worker.js', import.meta.url);
const HOUR_MS = 3_600_000;
const USERS = 300;

/** The monitor of one process, with connections of its own. */
class MonitorInstance {
  readonly metrics = new Metrics();
  readonly service: WorkerSessionMonitorService;
  readonly lease: MonitorLease;
  private readonly redis: RedisService;

  constructor(environment: Record<string, string>) {
    const config = loadConfig({
      SESSION_MONITOR_INTERVAL_MS: '3600000',
      SESSION_MONITOR_SCAN_COUNT: '50',
      ...environment,
      FEATURE_SESSION_MONITOR: environment['FEATURE_SESSION_MONITOR'] ?? 'true',
    });
    const logger = createLogger('silent');
    this.redis = new RedisService(config, logger, this.metrics);
    this.lease = new MonitorLease(this.redis);
    this.service = new WorkerSessionMonitorService({
      config,
      lease: this.lease,
      clock: new SystemClock(),
      logger,
      metrics: this.metrics,
      workerFile: WORKER_FILE,
    });
  }

  static async start(environment: Record<string, string>): Promise<MonitorInstance> {
    const instance = new MonitorInstance(environment);
    await waitFor('Redis', () => instance.redis.isReady('sessions'));
    instance.service.onApplicationBootstrap();
    return instance;
  }

  statistics(): Promise<SessionStatistics | null> {
    return this.service.statistics().catch(() => null);
  }

  async metric(series: string): Promise<number> {
    const text = await this.metrics.registry.metrics();
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  }

  async stop(): Promise<void> {
    await this.service.onModuleDestroy();
    this.redis.onApplicationShutdown();
  }
}

describe('the session monitor', () => {
  let services: TestServices;
  let environment: Record<string, string>;
  let sessions: SessionInstance;
  let redis: Redis;
  let started: MonitorInstance[];

  const start = async (env: Record<string, string> = {}): Promise<MonitorInstance> => {
    const instance = await MonitorInstance.start({ ...environment, FEATURE_SESSION_MONITOR: 'true', ...env });
    started.push(instance);
    return instance;
  };
  const scanCalls = async (): Promise<number> =>
    Number(/cmdstat_scan:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  const books = () => redis.keys('caudal:session:book:*');

  beforeAll(async () => {
    services = await startTestServices();
    environment = testEnvironment(services);
    sessions = await SessionInstance.start(services);
    redis = new Redis(services.redis.url);
    redis.on('error', () => undefined);
  });

  beforeEach(async () => {
    await redis.flushall();
    started = [];
    for (let user = 0; user < USERS; user += 1) await sessions.open(`user-${String(user)}`);
    for (let session = 0; session < 3; session += 1) await sessions.open('user-0');
  });

  afterEach(() => Promise.all(started.map((instance) => instance.stop())));

  afterAll(async () => {
    redis.disconnect();
    await sessions.close();
    await services.close();
  });

  it('counts the sessions of the store and removes what has expired, without ending a live one', async () => {
    const [book = ''] = await books();
    const expired = sessionRecord({ openedAtMs: Date.now() - 9 * HOUR_MS, untilMs: Date.now() - HOUR_MS });
    await redis.hset(book, { old1: expired, old2: expired });
    const monitor = await start();
    await waitFor('the statistics', async () => (await monitor.statistics()) !== null);
    const statistics = await monitor.statistics();
    expect(statistics).toMatchObject({
      users: USERS,
      sessions: USERS + 3,
      inUse: USERS + 3,
      byAge: { hour: USERS + 3, day: 0 },
      byDevice: { desktop: USERS + 3 },
    });
    expect(statistics?.busiestUsers.slice(0, 2).map((user) => user.sessions)).toEqual([4, 1]);
    expect(await redis.hmget(book, 'old1', 'old2')).toEqual([null, null]);
    expect((await sessions.store.list('user-0')).sessions).toHaveLength(4);
    expect(await monitor.metric('session_monitor_cleaned_total')).toBe(2);
    expect(await monitor.metric('session_monitor_scanned_total')).toBe(USERS);
    expect(await monitor.metric('sessions_active_by_age{age="hour"}')).toBe(USERS + 3);
    expect(await monitor.metric('session_monitor_runs_total{outcome="published"}')).toBe(1);
  });

  it('lowers the priority of its thread, and of no other one of the process', async () => {
    const nice = Math.min(19, getPriority(process.pid) + 3);
    const asNice = () =>
      readdirSync('/proc/self/task').filter((thread) => getPriority(Number(thread)) === nice).length;
    const [before, main] = [asNice(), getPriority(process.pid)];
    const monitor = await start({ SESSION_MONITOR_NICE: String(nice) });
    await waitFor('the statistics', async () => (await monitor.statistics()) !== null);
    expect([asNice(), getPriority(process.pid)]).toEqual([before + 1, main]);
  });

  it('of eight processes scans no more than that of one, and all of them know the result', async () => {
    const before = await scanCalls();
    const alone = await start();
    await waitFor(
      'a run',
      async () => (await alone.metric('session_monitor_runs_total{outcome="published"}')) === 1,
    );
    const ofOne = (await scanCalls()) - before;
    expect(ofOne).toBe(await alone.metric('session_monitor_scan_calls_total'));
    await alone.stop();
    started = [];
    await redis.del('caudal:session-monitor:statistics:{session-monitor}');

    const fleet = await Promise.all(Array.from({ length: 8 }, () => start()));
    await waitFor('every process to know the statistics', async () =>
      (await Promise.all(fleet.map((each) => each.statistics()))).every((each) => each?.users === USERS),
    );
    // A tick of everybody later nothing more has been scanned.
    const leaders = () => fleet.filter(({ service }) => service.isLeader).length;
    const askedBefore = await evaluations();
    await waitFor(
      'everybody to ask for the lease again',
      async () => (await evaluations()) >= askedBefore + 8,
    );
    expect(leaders()).toBe(1);
    expect((await scanCalls()) - before - ofOne).toBeLessThanOrEqual(ofOne * 1.2);
  });

  const evaluations = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);

  it('is handed over at once by a leader that stops, and its runs go on', async () => {
    const first = await start({ SESSION_MONITOR_INTERVAL_MS: '1000' });
    await waitFor('a leader', () => first.service.isLeader);
    const second = await start({ SESSION_MONITOR_INTERVAL_MS: '1000' });
    await first.stop();
    started = [second];
    await waitFor('the other one to lead', () => second.service.isLeader, 4000);
    await waitFor(
      'a run',
      async () => (await second.metric('session_monitor_runs_total{outcome="published"}')) > 0,
    );
    expect(first.service.isLeader).toBe(false);
  });

  it('publishes nothing under a lease that is another one’s', async () => {
    const monitor = await start();
    await waitFor('a run', async () => (await monitor.statistics()) !== null);
    const [holder, fence] =
      (await redis.get('caudal:session-monitor:lease:{session-monitor}'))?.split(' ') ?? [];
    expect([holder, Number(fence)]).toEqual([expect.stringMatching(/\S/), expect.any(Number)]);
    const published = await monitor.statistics();
    const rival = await MonitorInstance.start({ ...environment, ROLE: 'api' });
    started.push(rival);
    const forged = { ...published!, users: 7 };
    expect(await rival.lease.publish(Number(fence), forged)).toBe(false);
    expect(await monitor.lease.publish(Number(fence) - 1, forged)).toBe(false);
    expect(await monitor.statistics()).toEqual(published);
  });

  it('has greater fences from holder to holder, also when the clock of the server was set back', async () => {
    const [one, other] = [new MonitorInstance(environment), new MonitorInstance(environment)];
    started.push(one, other);
    await waitFor('Redis', () => one.lease.hold().then(Boolean, () => false));
    const first = await one.lease.hold();
    expect(await one.lease.hold()).toEqual(first);
    expect((await other.lease.hold()).fence).toBe(0);
    const ahead = Date.now() + 10 * HOUR_MS;
    await redis.hset('caudal:session-monitor:statistics:{session-monitor}', { fence: ahead });
    await one.lease.release(first.fence);
    expect((await other.lease.hold()).fence).toBe(ahead + 1);
  });

  it('bears a Redis that hangs, and goes on when it does', async () => {
    const monitor = await start({ SESSION_MONITOR_INTERVAL_MS: '1000', REDIS_COMMAND_TIMEOUT_MS: '200' });
    await waitFor(
      'a run',
      async () => (await monitor.metric('session_monitor_runs_total{outcome="published"}')) > 0,
    );
    services.redis.kill('SIGSTOP');
    try {
      await expect(monitor.service.statistics()).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
      await waitFor('the lease to be given up', () => !monitor.service.isLeader, 15_000);
      expect(monitor.service.finding).toBe('up');
    } finally {
      services.redis.kill('SIGCONT');
    }
    await waitFor('it to lead again', () => monitor.service.isLeader, 15_000);
    const runs = await monitor.metric('session_monitor_runs_total{outcome="published"}');
    await waitFor(
      'another run',
      async () => (await monitor.metric('session_monitor_runs_total{outcome="published"}')) > runs,
      15_000,
    );
    expect(await monitor.metric('session_monitor_worker_replacements_total{reason="hung"}')).toBe(0);
  });

  it('does nothing when it is switched off, and on a process that runs no jobs', async () => {
    await start({ FEATURE_SESSION_MONITOR: 'false' });
    await start({ ROLE: 'api' });
    const asked = await evaluations();
    await sessions.store.list('user-0');
    expect(await redis.exists('caudal:session-monitor:lease:{session-monitor}')).toBe(0);
    expect(await evaluations()).toBe(asked + 1);
  });

  it('goes through every master of a cluster', async () => {
    const cluster: RedisCluster = await startRedisCluster(getSharedServices());
    try {
      const env = { REDIS_SESSION_URL: cluster.url };
      const clustered = await SessionInstance.start(services, env);
      for (let user = 0; user < 60; user += 1) await clustered.open(`user-${String(user)}`);
      const monitor = await start(env);
      await waitFor('the statistics', async () => (await monitor.statistics()) !== null);
      expect(await monitor.statistics()).toMatchObject({ users: 60, sessions: 60 });
      expect(await monitor.metric('session_monitor_scan_calls_total')).toBeGreaterThanOrEqual(3);
      await clustered.close();
      await monitor.stop();
      started = [];
    } finally {
      await cluster.stop();
    }
  });
});
