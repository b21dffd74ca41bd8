// W1 to W4: what a run through the sessions costs the main thread, what our thread does beside piscina's, how
// soon a thread that hangs is replaced, and that a fleet scans as often as one process.
//
// W1 measures the thread, the pace and the priority that are shipped; the run is under way all the time that is
// measured, and is over when the measurement is. W2 and W3 measure a thread without pace and priority, W4 counts.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Redis } from 'ioredis';
import { Piscina } from 'piscina';
import { SystemClock } from '../../../dist/common/clock.js';
import { loadConfig, parseRedisUrl } from '../../../dist/config/index.js';
import { RedisSessionNode } from '../../../dist/core/session-monitor/redis-session-node.js';
import { RestartBudget } from '../../../dist/core/session-monitor/restart-budget.js';
import { scanSessions } from '../../../dist/core/session-monitor/session-scan.js';
import { SupervisedWorker } from '../../../dist/core/session-monitor/supervised-worker.js';
import { redisKeys } from '../../../dist/infrastructure/redis/index.js';
import { startGuard } from '../../../scripts/services/guard.mjs';
import { startRedis } from '../../../scripts/services/redis.mjs';

const KEYS = 1_000_000;
/** Books among them; the rest is what else lies in that Redis. */
const BOOKS = 20_000;
const SHIPPED = loadConfig({ DATABASE_URL: 'postgresql://nobody@127.0.0.1/none' }).env;
const BUDGET = {
  count: SHIPPED.SESSION_MONITOR_SCAN_COUNT,
  busyPercent: SHIPPED.SESSION_MONITOR_BUSY_PERCENT,
  paceMs: SHIPPED.SESSION_MONITOR_INTERVAL_MS,
};
/** Of the sides that W1 is compared with; a run of the thread takes as long as it takes. */
const WINDOW_MS = 10_000;
/** A run takes the better part of a minute. */
const RUNS = 3;
const LOOP_RESOLUTION_MS = 1;

const JOBS = 2000;
const JOBS_AT_ONCE = 16;

/** Of W3; the other threads have one that a busy machine keeps. */
const HANG_DEADLINE_MS = 500;
const BUSY_DEADLINE_MS = 30_000;

const FLEET = 8;
/** Two turns of the lease: whoever does not lead has asked twice by then. */
const WATCH_MS = 5000;

const MONITOR_THREAD = new URL(
  '../../../dist/core/session-monitor/session-monitor.worker.js',
  import.meta.url,
);
const JOB_THREAD = new URL('processes/monitor-thread.mjs', import.meta.url);
const MEMBER = fileURLToPath(new URL('processes/session-monitor-member.mjs', import.meta.url));

/** @type {(() => Promise<unknown> | void)[]} */
const closing = [];

/** @type {import('../core-bench.mjs').Section} */
export default {
  async open() {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-monitor-'));
    const runDir = join(directory, 'run');
    // Whatever happens to this process, the guard stops the server and removes the rest.
    const guard = startGuard({ runDir, remove: [directory] });
    closing.push(() => guard.release());
    const server = await startRedis({
      dir: join(directory, 'redis'),
      runDir,
      settings: { 'enable-debug-command': 'yes' },
    });
    closing.push(() => server.stop());
    const redis = new Redis(server.url);
    closing.push(() => {
      redis.disconnect();
    });
    await fill(redis);

    const monitor = supervise(MONITOR_THREAD, {
      target: parseRedisUrl(server.url),
      commandDeadlineMs: 5000,
      nice: SHIPPED.SESSION_MONITOR_NICE,
    });
    const jobs = supervise(JOB_THREAD, {});
    const piscina = new Piscina({ filename: JOB_THREAD.href, minThreads: 1, maxThreads: 1 });
    closing.push(() => piscina.destroy());
    await Promise.all([monitor.ready(), jobs.ready(), piscina.run(null)]);

    let runs = 0;
    const runInThread = () => {
      runs += 1;
      return monitor.ask({ kind: 'run', runId: runs, budget: BUDGET }).then((message) => {
        const { kind, report } = /** @type {any} */ (message);
        if (kind !== 'finished') throw new Error('a run failed');
        if (report.scanned < BOOKS) throw new Error(`a run looked at ${String(report.scanned)} books only`);
      });
    };
    const runInline = async () => {
      const signal = AbortSignal.timeout(WINDOW_MS);
      const run = scanSessions([new RedisSessionNode(redis)], {
        budget: BUDGET,
        signal,
        pause: (ms) => sleep(ms, undefined, { signal }),
        monotonicMs: () => performance.now(),
      });
      await run.then(
        () => Promise.reject(new Error('the run ended before its measurement')),
        (error) => (signal.aborted ? undefined : Promise.reject(error)),
      );
    };
    let runMs = 0;
    const idle = { name: 'idle', measure: () => delayP99Of(() => sleep(WINDOW_MS)) };
    const perSecond = (/** @type {() => Promise<unknown>} */ job) => jobsPerSecond(job);

    return [
      {
        id: 'W1',
        what: `p99 of a ${String(LOOP_RESOLUTION_MS)} ms timer of the main thread while a thread scans ${KEYS.toLocaleString('en')} keys, ms`,
        ours: async () => {
          const startMs = performance.now();
          const p99 = await delayP99Of(runInThread);
          runMs = performance.now() - startMs;
          return p99;
        },
        peer: idle,
        target: { is: 'ratio', at: 'most', bound: 1.2 },
        rounds: RUNS,
      },
      {
        id: 'W1 inline',
        what: 'contrast: the same scan at the same pace in the main thread, ms',
        ours: () => delayP99Of(runInline),
        peer: idle,
        target: { is: 'ratio', at: 'least', bound: 1.2 },
        rounds: RUNS,
      },
      {
        id: 'W1 length',
        what: `the last run of W1 through ${KEYS.toLocaleString('en')} keys, which has to end within an interval, s`,
        ours: () => Math.round(runMs / 1000),
        target: { is: 'value', at: 'most', bound: BUDGET.paceMs / 1000 },
        rounds: 1,
      },
      {
        id: 'W2',
        what: 'slices of 200 books counted by one thread, per second',
        ours: () => perSecond(() => jobs.ask({ kind: 'job' })),
        peer: { name: 'piscina 5', measure: () => perSecond(() => piscina.run(null)) },
        target: { is: 'ratio', at: 'least', bound: 0.95 },
      },
      {
        id: 'W3',
        what: `a thread in an endless loop: until its successor lives, ms beyond the deadline of ${String(HANG_DEADLINE_MS)} ms`,
        ours: replaceHung,
        target: { is: 'value', at: 'most', bound: 500 },
        rounds: 3,
      },
      {
        id: 'W4',
        what: `SCAN calls of ${String(FLEET)} processes, one complete run being due`,
        ours: () => scanCallsOf(FLEET, { server, redis }),
        peer: { name: 'one process', measure: () => scanCallsOf(1, { server, redis }) },
        target: { is: 'ratio', at: 'most', bound: 1.2 },
        rounds: 1,
      },
    ];
  },
  async close() {
    while (closing.length > 0) await closing.pop()?.();
  },
};

/** @param {Redis} redis */
async function fill(redis) {
  await redis.call('DEBUG', 'POPULATE', String(KEYS - BOOKS), 'other', '20');
  const nowMs = Date.now();
  const times = Buffer.alloc(24);
  for (const [index, ms] of [nowMs, nowMs, nowMs + 3_600_000, nowMs + 7_200_000].entries())
    times.writeUIntBE(ms, index * 6, 6);
  const record = Buffer.concat([
    Buffer.alloc(32, 7),
    times,
    Buffer.from('\u0007Windows\u000e203.0.113.0/24', 'latin1'),
  ]);
  for (let from = 0; from < BOOKS; from += 1000) {
    const pipeline = redis.pipeline();
    for (let user = from; user < from + 1000; user += 1)
      pipeline.hset(redisKeys.sessionBook(String(user % 8), `u${String(user)}`), {
        subject: `user-${String(user)}`,
        epoch: '0',
        session: record,
      });
    await pipeline.exec();
  }
}

/**
 * A thread under our supervisor that answers each command with one message, in their order.
 *
 * @param {URL} file
 * @param {object} setup beside what the supervisor gives
 * @param {number} [heartbeatDeadlineMs]
 */
function supervise(file, setup, heartbeatDeadlineMs = BUSY_DEADLINE_MS) {
  /** @type {((message: unknown) => void)[]} */
  const waiting = [];
  const clock = new SystemClock();
  const worker = new SupervisedWorker({
    spawn: (generation, beats) =>
      new Worker(file, {
        workerData: { ...setup, generation, beats, beatMs: HANG_DEADLINE_MS / 10 },
        env: {},
      }),
    clock,
    budget: new RestartBudget(clock, { restartsMax: 100, windowMs: 60_000, pauseMs: 10, pauseMaxMs: 10 }),
    heartbeatDeadlineMs,
    onMessage: (message) => waiting.shift()?.(message),
    onReplaced: () => undefined,
    onGivenUp: () => undefined,
  });
  worker.start();
  closing.push(() => worker.stop({ kind: 'stop' }));
  return {
    worker,
    async ready() {
      while (!worker.isAlive) await sleep(5);
    },
    /** @param {object} command */
    ask: (command) =>
      new Promise((resolve, reject) => {
        if (worker.post(command)) waiting.push(resolve);
        else reject(new Error('there is no thread'));
      }),
  };
}

/** @param {() => Promise<unknown>} work */
async function delayP99Of(work) {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  await work();
  delay.disable();
  return delay.percentile(99) / 1e6;
}

/** @param {() => Promise<unknown>} job */
async function jobsPerSecond(job) {
  const startMs = performance.now();
  let left = JOBS;
  await Promise.all(
    Array.from({ length: JOBS_AT_ONCE }, async () => {
      while (left > 0) {
        left -= 1;
        await job();
      }
    }),
  );
  return (JOBS * 1000) / (performance.now() - startMs);
}

async function replaceHung() {
  const { worker, ready } = supervise(JOB_THREAD, {}, HANG_DEADLINE_MS);
  await ready();
  const hung = worker.generation;
  const startMs = performance.now();
  worker.post({ kind: 'hang' });
  while (worker.generation === hung || !worker.isAlive) await sleep(2);
  const tookMs = performance.now() - startMs;
  await worker.stop({ kind: 'stop' });
  return Math.round(tookMs - HANG_DEADLINE_MS);
}

/**
 * @param {number} count
 * @param {{ server: import('../../../scripts/services/redis.mjs').Redis, redis: Redis }} services
 */
async function scanCallsOf(count, { server, redis }) {
  await redis.del(redisKeys.sessionMonitorLease());
  await redis.del(redisKeys.sessionMonitorStatistics());
  const calls = async () =>
    Number(/cmdstat_scan:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  const before = await calls();
  const members = Array.from({ length: count }, () => fork(MEMBER, [server.url]));
  const kill = () => {
    for (const member of members) member.kill('SIGKILL');
  };
  process.once('exit', kill);
  try {
    await Promise.all(members.map((member) => once(member, 'message')));
    while ((await redis.exists(redisKeys.sessionMonitorStatistics())) === 0) await sleep(50);
    await sleep(WATCH_MS);
    return (await calls()) - before;
  } finally {
    process.off('exit', kill);
    await Promise.all(
      members.map((member) => {
        const exit = once(member, 'exit');
        member.send('stop');
        return exit;
      }),
    );
  }
}
