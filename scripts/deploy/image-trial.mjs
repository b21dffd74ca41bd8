// @ts-check
// npm run rehearse:image -- IMAGE
// Runs the image on the Docker Engine of DOCKER_HOST, hardened as in production, on its own PostgreSQL and
// Redis on the loopback, beside the bare process of dist/. Prints what it sees; exit code 1 when a goal is
// missed. Everything that it started ends with it.
import { spawn, spawnSync } from 'node:child_process';
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

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const HEALTH_CHECKS = Number(process.env['HEALTH_CHECKS'] ?? 500);
/** What production asks of every container; the number is not that of the image, to show that any will do. */
const HARDENED = [
  ...['--read-only', '--tmpfs', '/tmp:size=32m', '--cap-drop', 'ALL', '--user', '54321:54321'],
  ...['--security-opt', 'no-new-privileges', '--memory', '1536m', '--network', 'host'],
];

/** @param {...string} args */
function docker(...args) {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${args[0] ?? ''}: ${stderr.trim()}`);
  return stdout.trim();
}

/**
 * @param {number} port
 * @param {string} path
 */
async function waitUntilReady(port, path = '/health/ready') {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${String(port)}${path}`).catch(() => null);
    if (answer?.status === 200) return;
    await sleep(5);
  }
  throw new Error('not ready within 60 s');
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

/** @param {readonly number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/**
 * @param {string} image
 * @param {NodeJS.ProcessEnv} shared
 * @returns {Promise<boolean>} whether every goal was met
 */
async function trial(image, shared) {
  const flags = (/** @type {NodeJS.ProcessEnv} */ env) =>
    Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value ?? ''}`]);
  console.log(
    docker('run', '--rm', ...HARDENED, ...flags(shared), image, 'migrate')
      .split('\n')
      .at(-1),
  );

  /** @type {Record<'bare' | 'image', { start: number[], stop: number[], codes: number[] }>} */
  const seen = { bare: { start: [], stop: [], codes: [] }, image: { start: [], stop: [], codes: [] } };
  for (let round = 0; round < ROUNDS; round += 1) {
    const [port, managementPort] = [await findFreePort(), await findFreePort()];
    const env = { ...shared, PORT: String(port), MANAGEMENT_PORT: String(managementPort) };

    const child = spawn(PROJECT_NODE, ['--enable-source-maps', join(PROJECT, 'dist/main.js')], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: 'ignore',
    });
    const bareMs = performance.now();
    await waitUntilReady(managementPort);
    seen.bare.start.push(performance.now() - bareMs);
    const bareStopMs = performance.now();
    child.kill('SIGTERM');
    await once(child, 'exit');
    seen.bare.stop.push(performance.now() - bareStopMs);
    seen.bare.codes.push(child.exitCode ?? -1);

    const id = docker('create', ...HARDENED, ...flags(env), image);
    try {
      docker('start', id);
      await waitUntilReady(managementPort);
      const readyMs = Date.now();
      seen.image.start.push(readyMs - Date.parse(docker('inspect', '-f', '{{.State.StartedAt}}', id)));
      const pid = Number(docker('inspect', '-f', '{{.State.Pid}}', id));
      const stopMs = Date.now();
      // Past the command line of the engine, whose own start would be measured too.
      process.kill(pid, 'SIGTERM');
      while (isRunning(pid)) await sleep(2);
      seen.image.stop.push(Date.now() - stopMs);
      seen.image.codes.push(Number(docker('wait', id)));
    } finally {
      docker('rm', '--force', id);
    }
  }
  const zombies = await zombiesAfterHealthChecks(image, shared, flags);

  const start = [median(seen.image.start), median(seen.bare.start)];
  const stop = [median(seen.image.stop), median(seen.bare.stop)];
  const goal = (/** @type {boolean} */ isMet, /** @type {string} */ line) => {
    console.log(`${isMet ? '✓' : '✗'} ${line}`);
    return isMet;
  };
  const ms = (/** @type {number | undefined} */ value) => `${String(Math.round(value ?? NaN))} ms`;
  return [
    goal(
      (start[0] ?? 0) <= 1.2 * (start[1] ?? 0),
      `cold start to ready: ${ms(start[0])}, bare ${ms(start[1])}`,
    ),
    goal((stop[0] ?? 0) <= 1.1 * (stop[1] ?? 0), `SIGTERM to exit: ${ms(stop[0])}, bare ${ms(stop[1])}`),
    goal(
      [...seen.image.codes, ...seen.bare.codes].every((code) => code === 0),
      `exit codes: ${seen.image.codes.join(' ')}, bare ${seen.bare.codes.join(' ')}`,
    ),
    goal(zombies === 0, `zombies after ${String(HEALTH_CHECKS)} health checks: ${String(zombies)}`),
  ].every(Boolean);
}

/**
 * @param {string} image
 * @param {NodeJS.ProcessEnv} shared
 * @param {(env: NodeJS.ProcessEnv) => string[]} flags
 */
async function zombiesAfterHealthChecks(image, shared, flags) {
  const [port, managementPort] = [await findFreePort(), await findFreePort()];
  const env = { ...shared, PORT: String(port), MANAGEMENT_PORT: String(managementPort) };
  const id = docker('run', '--detach', ...HARDENED, ...flags(env), image);
  try {
    await waitUntilReady(managementPort);
    // As the engine runs a HEALTHCHECK: an exec of its command, not a child of the application.
    for (let check = 0; check < HEALTH_CHECKS; check += 1) docker('exec', id, 'node', 'dist/health-check.js');
    const states = docker('exec', id, 'sh', '-c', 'cat /proc/[0-9]*/stat').split('\n');
    console.log(`processes in the container: ${String(states.length)}, the shell that counts among them`);
    return states.filter((line) => / Z /.test(line)).length;
  } finally {
    docker('rm', '--force', id);
  }
}

const image = process.argv[2];
if (image === undefined || image === '--help') {
  console.log('Usage: npm run rehearse:image -- IMAGE   (DOCKER_HOST names the engine)');
  process.exit(image === undefined ? 1 : 0);
}
const directory = mkdtempSync(join(tmpdir(), 'caudal-image-'));
const runDir = join(directory, 'run');
const guard = startGuard({ runDir, remove: [directory] });
try {
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), runDir });
  const redis = await startRedis({ dir: join(directory, 'redis'), runDir, persistent: true });
  const { JWT_PRIVATE_KEY_FILE: keyFile = '', ...keys } = loadSecrets(join(directory, 'secrets'), {});
  const isMet = await trial(image, {
    ...keys,
    // The file is not the container's to see.
    JWT_PRIVATE_KEY: readFileSync(keyFile, 'utf8'),
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
  });
  process.exitCode = isMet ? 0 : 1;
} finally {
  await guard.release();
}
process.exit();
