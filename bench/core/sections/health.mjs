// H1, H2, H3, H5: probes of Caudal as production runs it, beside Nest's terminus. H4 (rolling restarts) is a
// test: test/e2e. The servers share a core, the generator has another; only one is asked at a time.
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { migrate } from '../../../scripts/database/migrate.mjs';
import { startGuard } from '../../../scripts/services/guard.mjs';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { startPostgres } from '../../../scripts/services/postgres.mjs';
import { startRedis } from '../../../scripts/services/redis.mjs';
import { loadSecrets } from '../../../scripts/start/secrets.mjs';
import { generateLoad } from '../../load-generator.mjs';
import { startPinnedServer } from '../../pinned-server.mjs';
import { leaveServerCore, planCores } from '../../processor-cores.mjs';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const HEALTH_CHECK = join(PROJECT, 'dist/health-check.js');
const PEER = '@nestjs/terminus 12';
const CONNECTIONS = 32;
const ROUND_MS = 1500;
const PROBES = 10_000;
/** Long enough for terminus to answer each connection at least once. */
const HUNG_ROUND_MS = 2500;
const STARTS = 10;

/** @type {(() => Promise<unknown> | void)[]} */
const closing = [];

/** @type {import('../core-bench.mjs').Section} */
export default {
  async open() {
    const cores = planCores();
    leaveServerCore(cores);
    const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-health-'));
    const runDir = join(directory, 'run');
    const guard = startGuard({ runDir, remove: [directory] });
    closing.push(() => guard.release());
    const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), runDir, durable: false });
    closing.push(() => postgres.stop());
    const redis = await startRedis({ dir: join(directory, 'redis'), runDir, persistent: true });
    closing.push(() => redis.stop());
    await migrate(postgres.url);

    const [port, managementPort, peerPort] = [
      await findFreePort(),
      await findFreePort(),
      await findFreePort(),
    ];
    const caudal = await startPinnedServer({
      script: join(PROJECT, 'dist/main.js'),
      port,
      readyPath: '/health/ready',
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        ...loadSecrets(join(directory, 'secrets'), {}),
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        PORT: String(port),
        MANAGEMENT_PORT: String(managementPort),
        // A hung Redis counts against what runs jobs; probes are what is asked about here.
        ROLE: 'api',
      },
      logFile: join(directory, 'caudal.log'),
      cores,
    });
    closing.push(() => caudal.stop());
    const terminus = await startPinnedServer({
      script: fileURLToPath(new URL('processes/terminus-app.mjs', import.meta.url)),
      port: peerPort,
      readyPath: '/ready',
      env: {
        PATH: process.env['PATH'],
        NODE_ENV: 'production',
        PORT: String(peerPort),
        REDIS_URL: redis.url,
      },
      logFile: join(directory, 'terminus.log'),
      cores,
    });
    closing.push(() => terminus.stop());
    const client = new Redis(redis.url);
    closing.push(() => {
      client.disconnect();
    });

    const hungP99 = async (/** @type {number} */ of) => {
      redis.kill('SIGSTOP');
      try {
        const { latencyMs } = await probe(of, '/health', HUNG_ROUND_MS);
        return latencyMs.p99 ?? NaN;
      } finally {
        redis.kill('SIGCONT');
        await client.ping();
      }
    };
    const pings = async () =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    const callsOf = async (/** @type {number} */ of) => {
      const before = await pings();
      await probes(of, PROBES);
      return (await pings()) - before;
    };
    const perSecond = async (/** @type {number} */ of, /** @type {string} */ path) =>
      (await probe(of, path, ROUND_MS)).perSecond;
    await Promise.all([perSecond(port, '/health'), perSecond(port, '/health/live')]);
    await perSecond(peerPort, '/health');

    return [
      {
        id: 'H1',
        what: `p99 of GET /health while Redis hangs, ${String(CONNECTIONS)} probes at once, ms`,
        ours: () => hungP99(port),
        peer: { name: PEER, measure: () => hungP99(peerPort) },
        target: { is: 'ratio', at: 'most', bound: 0.1 },
        rounds: 3,
      },
      {
        id: 'H2',
        what: `calls of a dependency (PING) for ${PROBES.toLocaleString('en')} probes`,
        ours: () => callsOf(port),
        peer: { name: PEER, measure: () => callsOf(peerPort) },
        target: { is: 'ratio', at: 'most', bound: 0.01 },
        rounds: 3,
      },
      {
        id: 'H3',
        what: 'GET /health, all well, per second',
        ours: () => perSecond(port, '/health'),
        peer: { name: PEER, measure: () => perSecond(peerPort, '/health') },
        target: { is: 'ratio', at: 'least', bound: 1 },
      },
      {
        id: 'H3 static',
        what: 'GET /health beside a route of the same server with a constant body, per second',
        ours: () => perSecond(port, '/health'),
        peer: { name: 'GET /health/live', measure: () => perSecond(port, '/health/live') },
        target: { is: 'ratio', at: 'least', bound: 0.95 },
      },
      {
        id: 'H5',
        what: 'wall time of one start of health-check.js, ms',
        ours: () => startTime([HEALTH_CHECK], { MANAGEMENT_PORT: String(managementPort) }),
        peer: { name: 'node -e 0', measure: () => startTime(['-e', '0'], {}) },
        target: { is: 'ratio', at: 'most', bound: 1.7 },
      },
    ];
  },
  async close() {
    while (closing.length > 0) await closing.pop()?.();
  },
};

/** @param {string} path */
function requestOf(path) {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
}

/**
 * @param {number} port
 * @param {string} path
 * @param {number} durationMs
 */
function probe(port, path, durationMs) {
  const request = requestOf(path);
  return generateLoad({ port, connections: CONNECTIONS, durationMs, nextRequest: () => request });
}

/**
 * At least so many, in rounds that are short beside the second for which a report is fresh.
 *
 * @param {number} port
 * @param {number} count
 */
async function probes(port, count) {
  const request = requestOf('/health');
  let sent = 0;
  while (sent < count) {
    const { answers } = await generateLoad({
      port,
      connections: CONNECTIONS,
      durationMs: 200,
      nextRequest: () => request,
    });
    sent += answers;
  }
}

/**
 * The median of some starts, which take turns with nobody: a start uses more than one core.
 *
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
function startTime(args, env) {
  const times = Array.from({ length: STARTS }, () => {
    const startMs = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { env });
    if (status !== 0) throw new Error(`it ended with ${String(status)}: ${String(stderr)}`);
    return performance.now() - startMs;
  });
  return times.sort((a, b) => a - b)[Math.floor(STARTS / 2)] ?? NaN;
}
