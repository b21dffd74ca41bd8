// The Redis module beside plain ioredis (section 8 of the goals): what its deadlines, counters and
// scripts cost, and what a call of a server that hangs costs its caller.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { loadConfig } from '../../../dist/config/index.js';
import { createLogger } from '../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../dist/infrastructure/metrics/index.js';
import { RedisScript, RedisService } from '../../../dist/infrastructure/redis/index.js';
import { startGuard } from '../../../scripts/services/guard.mjs';
import { startRedis } from '../../../scripts/services/redis.mjs';

const OPERATIONS = 20_000;
const CONCURRENCY = 32;
const PIPELINE = 100;
const WARM_UP_ROUNDS = 2;
const DEADLINE_MS = 50;
const SCRIPT = `-- Counts.
-- KEYS[1] string, the counter
-- ARGV[1] life, milliseconds
-- Returns the count. O(1). Cluster: one key.
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count
`;

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
    opened.push(server, hanging);
    const file = join(directory, 'counter-count.lua');
    writeFileSync(file, SCRIPT);
    const script = new RedisScript(pathToFileURL(file), Number);
    const sha = createHash('sha1').update(readFileSync(file, 'utf8')).digest('hex');

    const service = openService(server.url, 1000);
    const ours = service.client('main');
    const hung = openService(hanging.url, DEADLINE_MS);
    const plain = new Redis(server.url);
    opened.push({
      stop: () => {
        plain.disconnect();
      },
    });
    await Promise.all([ready(service), ready(hung), plain.set('{bench}', 'x'.repeat(100))]);
    await script.run(ours, ['{bench}:count'], [60_000]);

    /** @param {(client: Redis) => Promise<unknown>} get */
    const goalOf = (id, what, each, theirs, perCall = 1) => ({
      id,
      what: `${what}, operations per second of the client's CPU`,
      ours: () => throughput(each, perCall),
      peer: { name: 'ioredis', measure: () => throughput(theirs, perCall) },
      target: { is: 'ratio', at: 'least', bound: 0.97 },
    });
    const pipelineOf = (client) => {
      const pipeline = client.pipeline();
      for (let i = 0; i < PIPELINE; i += 1) pipeline.get('{bench}');
      return pipeline.exec();
    };
    // The first rounds are the compiler's, whose threads count as this process' time, and whoever is measured
    // first pays for what both use.
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1)
      for (const client of [plain, ours]) {
        await throughput(() => client.get('{bench}'));
        await throughput(() => pipelineOf(client), PIPELINE);
        await throughput(() => plain.evalsha(sha, 1, '{bench}:count', 60_000));
        await throughput(() => script.run(client, ['{bench}:count'], [60_000]));
      }
    return [
      goalOf(
        'Redis GET',
        `GET, ${String(CONCURRENCY)} at once`,
        () => ours.get('{bench}'),
        () => plain.get('{bench}'),
      ),
      goalOf(
        'Redis pipeline',
        `pipeline of ${String(PIPELINE)} GET`,
        () => pipelineOf(ours),
        () => pipelineOf(plain),
        PIPELINE,
      ),
      goalOf(
        'Redis EVALSHA',
        `EVALSHA, ${String(CONCURRENCY)} at once`,
        () => script.run(ours, ['{bench}:count'], [60_000]),
        () => plain.evalsha(sha, 1, '{bench}:count', 60_000),
      ),
      {
        id: 'Redis hung',
        what: `slowest of 100 calls of a hung server behind a deadline of ${String(DEADLINE_MS)} ms, ms`,
        ours: () => slowestWhileHung(hanging, hung),
        target: { is: 'value', at: 'most', bound: DEADLINE_MS + 10 },
        rounds: 3,
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
 * By the CPU time of this process, which others on the machine do not change: it is what a wrapper costs.
 *
 * @param {() => Promise<unknown>} operation
 * @param {number} [perCall]
 */
async function throughput(operation, perCall = 1) {
  const calls = OPERATIONS / perCall;
  const workers = Math.min(CONCURRENCY, perCall === 1 ? CONCURRENCY : 2);
  const before = process.cpuUsage();
  let left = calls;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (left > 0) {
        left -= 1;
        await operation();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return Math.round((OPERATIONS * 1e6) / (user + system));
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
