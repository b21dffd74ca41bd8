// The Redis module beside plain ioredis (section 8 of the goals): what its deadlines, counters and scripts cost,
// what a call of a server that hangs costs its caller, and when it is back after a restart. Above 1, because what is
// sent in one turn of the event loop leaves together, which plain ioredis only does for a pipeline.
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { loadConfig } from '../../../dist/config/index.js';
import { createLogger } from '../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../dist/infrastructure/metrics/index.js';
import { RedisService } from '../../../dist/infrastructure/redis/index.js';
import { startGuard } from '../../../scripts/services/guard.mjs';
import { startRedis } from '../../../scripts/services/redis.mjs';

const MEMBER = fileURLToPath(new URL('processes/redis-member.mjs', import.meta.url));
const execute = promisify(execFile);
const DEADLINE_MS = 50;
/** Of any length between them: ioredis waits twice as long after each attempt, and one that is due is luck. */
const [OUTAGE_MIN_MS, OUTAGE_MAX_MS] = [500, 2000];
const RESTARTS = 15;
const RETRY_MS = 1;

/** @type {{ stop: () => Promise<void> | void }[]} */
const opened = [];

/** @type {import('../core-bench.mjs').Section} */
export default {
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-redis-'));
    const runDir = join(directory, 'run');
    // Whatever happens to this process, the guard stops the servers and removes the rest.
    const guard = startGuard({ runDir, remove: [directory] });
    opened.push({ stop: () => guard.release() });
    const server = await startRedis({ dir: join(directory, 'redis'), runDir });
    const hanging = await startRedis({ dir: join(directory, 'hanging'), runDir, name: 'redis-hanging' });
    const restarted = await startRedis({
      dir: join(directory, 'restarted'),
      runDir,
      name: 'redis-restarted',
    });
    opened.push(server, hanging, restarted);
    const hung = openService(hanging.url, DEADLINE_MS);
    const returning = openService(restarted.url, 1000);
    const plainReturning = new Redis(restarted.url);
    plainReturning.on('error', () => undefined);
    opened.push({
      stop: () => {
        plainReturning.disconnect();
      },
    });
    await Promise.all([...[hung, returning].map(ready), plainReturning.ping()]);

    /**
     * @param {'GET' | 'pipeline' | 'EVALSHA'} operation
     * @param {string} what
     * @param {{ rounds?: number }} [more]
     */
    const goalOf = (operation, what, more) => ({
      id: `Redis ${operation}`,
      what: `${what}, operations per second of the client's CPU`,
      ...sidesOf(server.url, operation),
      target: { is: 'ratio', at: 'least', bound: 0.97 },
      ...more,
    });
    return [
      goalOf('GET', 'GET, 32 at once'),
      // Nearer to its bound than one process is to the next.
      goalOf('pipeline', 'pipeline of 100 GET', { rounds: 21 }),
      goalOf('EVALSHA', 'EVALSHA, 32 at once'),
      {
        id: 'Redis hung',
        what: `slowest of 100 calls of a hung server behind a deadline of ${String(DEADLINE_MS)} ms, ms`,
        ours: () => slowestWhileHung(hanging, hung),
        target: { is: 'value', at: 'most', bound: DEADLINE_MS + 10 },
        rounds: 3,
      },
      {
        id: 'Redis restart',
        what: 'ms from the start of a server that was away for 0.5 to 2 s to its first answer',
        ours: () => backAfterRestart(restarted, returning.client('main')),
        peer: { name: 'ioredis', measure: () => backAfterRestart(restarted, plainReturning) },
        target: { is: 'ratio', at: 'most', bound: 1 },
        rounds: RESTARTS,
      },
    ];
  },
  close: async () => {
    for (const each of opened.splice(0).reverse()) await each.stop();
  },
};

/**
 * @param {string} url
 * @param {number} deadlineMs
 */
function openService(url, deadlineMs) {
  const config = loadConfig({
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    REDIS_URL: url,
    REDIS_COMMAND_TIMEOUT_MS: String(deadlineMs),
  });
  const service = new RedisService(config, createLogger('silent'), new Metrics());
  opened.push({
    stop: () => {
      service.onApplicationShutdown();
    },
  });
  return service;
}

/** @param {RedisService} service */
async function ready(service) {
  while (!service.isReady('main')) await new Promise((resolve) => setTimeout(resolve, 5));
}

/**
 * Each side has a process of its own, and a new one in every round: a process is lucky or not for as long as it lives,
 * by a tenth and more.
 *
 * @param {string} url
 * @param {string} operation
 */
function sidesOf(url, operation) {
  const measure = async (/** @type {'caudal' | 'ioredis'} */ side) => {
    const { stdout } = await execute(process.execPath, [MEMBER, url, operation, side]);
    return Number(stdout);
  };
  return { ours: () => measure('caudal'), peer: { name: 'ioredis', measure: () => measure('ioredis') } };
}

/**
 * A client that fails at once while there is no connection is asked again; ioredis keeps the command.
 *
 * @param {import('../../../scripts/services/redis.mjs').Redis} server
 * @param {Redis} client
 */
async function backAfterRestart(server, client) {
  await server.stop();
  await sleep(OUTAGE_MIN_MS + Math.random() * (OUTAGE_MAX_MS - OUTAGE_MIN_MS));
  const startMs = performance.now();
  const started = server.restart();
  const answers = () =>
    client.get('{bench}').then(
      () => true,
      () => false,
    );
  while (!(await answers())) await sleep(RETRY_MS);
  const tookMs = performance.now() - startMs;
  await started;
  return tookMs;
}

/**
 * @param {import('../../../scripts/services/redis.mjs').Redis} server
 * @param {RedisService} service
 */
async function slowestWhileHung(server, service) {
  await ready(service);
  const client = service.client('main');
  server.kill('SIGSTOP');
  try {
    const times = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const startMs = performance.now();
        const isAnswered = await client.get('{bench}').then(
          () => true,
          () => false,
        );
        if (isAnswered) throw new Error('a hung server answered');
        return performance.now() - startMs;
      }),
    );
    return Math.max(...times);
  } finally {
    server.kill('SIGCONT');
  }
}
