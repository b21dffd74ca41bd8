// @ts-check
// The application as a container, hardened as production has it, and as a bare process of dist/ beside it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGuard } from '../services/guard.mjs';
import { findFreePort } from '../services/ports.mjs';
import { startPostgres } from '../services/postgres.mjs';
import { startRedis } from '../services/redis.mjs';
import { PROJECT, PROJECT_NODE } from '../setup/project.mjs';
import { loadSecrets } from '../start/secrets.mjs';
import { until } from './cache.mjs';

const READY_DEADLINE_MS = 120_000;
/** What production asks of every container; the number is not that of the image, to show that any will do. */
const HARDENED = [
  ...['--read-only', '--tmpfs', '/tmp:size=32m', '--cap-drop', 'ALL', '--user', '54321:54321'],
  ...['--security-opt', 'no-new-privileges', '--memory', '1536m', '--network', 'host'],
];

/** @typedef {Record<string, string>} Settings */
/** @typedef {{ startMs: number, stopMs: number, code: number }} Seen */

/**
 * A PostgreSQL and a Redis of its own on the loopback, and what the application needs to use them.
 *
 * @param {(cleanUp: () => unknown) => void} later
 * @returns {Promise<Settings>}
 */
export async function startDependencies(later) {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-image-'));
  const runDir = join(directory, 'run');
  const guard = startGuard({ runDir, remove: [directory] });
  later(guard.release);
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), runDir });
  const redis = await startRedis({ dir: join(directory, 'redis'), runDir, persistent: true });
  const { JWT_PRIVATE_KEY_FILE: keyFile = '', ...keys } = loadSecrets(join(directory, 'secrets'), {});
  return {
    .../** @type {Settings} */ (keys),
    // The file is not the container's to see.
    JWT_PRIVATE_KEY: readFileSync(keyFile, 'utf8'),
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
  };
}

/** @param {Settings} settings */
async function withPorts(settings) {
  const [port, managementPort] = [await findFreePort(), await findFreePort()];
  return { ...settings, PORT: String(port), MANAGEMENT_PORT: String(managementPort) };
}

/** @param {Settings} settings */
const flags = (settings) =>
  Object.entries(settings).flatMap(([name, value]) => ['--env', `${name}=${value}`]);

/** @param {Settings} settings */
const waitUntilReady = ({ MANAGEMENT_PORT: port = '' }) =>
  until(
    '/health/ready',
    READY_DEADLINE_MS,
    async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).status === 200,
    5,
  );

/**
 * @param {import('./engine.mjs').Engine} engine
 * @param {string} image
 * @param {Settings} settings
 * @returns {Promise<string>} what it said last
 */
export async function migrate({ docker }, image, settings) {
  const output = await docker('run', '--rm', ...HARDENED, ...flags(settings), image, 'migrate');
  return output.split('\n').at(-1) ?? '';
}

/** @param {Settings} shared @returns {Promise<Seen>} */
export async function runBare(shared) {
  const settings = await withPorts(shared);
  const child = spawn(PROJECT_NODE, ['--enable-source-maps', join(PROJECT, 'dist/main.js')], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: 'ignore',
  });
  const startedMs = performance.now();
  try {
    await waitUntilReady(settings);
    const startMs = performance.now() - startedMs;
    const stoppedMs = performance.now();
    child.kill('SIGTERM');
    await once(child, 'exit');
    return { startMs, stopMs: performance.now() - stoppedMs, code: child.exitCode ?? -1 };
  } finally {
    child.kill('SIGKILL');
  }
}

/**
 * Until the process has ended by itself; how soon the engine notices is the engine's.
 *
 * @param {number} pid
 */
function isRunning(pid) {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * @template T
 * @param {import('./engine.mjs').Engine} engine
 * @param {string} image
 * @param {Settings} shared
 * @param {(id: string) => Promise<T>} work while it is ready
 * @returns {Promise<Seen & { result: T }>}
 */
export async function runImage({ docker }, image, shared, work) {
  const settings = await withPorts(shared);
  const id = await docker('create', ...HARDENED, ...flags(settings), image);
  try {
    await docker('start', id);
    await waitUntilReady(settings);
    const readyMs = Date.now();
    const startMs = readyMs - Date.parse(await docker('inspect', '--format', '{{.State.StartedAt}}', id));
    const result = await work(id);
    const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', id));
    const stoppedMs = performance.now();
    // Past the command line of the engine, whose own start would be measured too.
    process.kill(pid, 'SIGTERM');
    while (isRunning(pid)) await sleep(2);
    const stopMs = performance.now() - stoppedMs;
    return { startMs, stopMs, code: Number(await docker('wait', id)), result };
  } finally {
    await docker('rm', '--force', id).catch(() => {});
  }
}
