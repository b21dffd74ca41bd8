// @ts-check
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentProcessIdentity, isSameProcessAlive } from '../services/process-records.mjs';
import { StartError } from '../services/start-error.mjs';
import { readJsonFile } from '../services/json-file.mjs';

/** Tells `npm run reset` that a directory is ours to remove. */
const MARKER = 'CAUDAL_DATA';

/**
 * Where everything lives that one `npm start` keeps.
 *
 * @param {string} dataDir
 */
export function layoutOf(dataDir) {
  return {
    root: dataDir,
    lock: join(dataDir, 'lock.json'),
    runtime: join(dataDir, 'runtime.json'),
    run: join(dataDir, 'run'),
    logs: join(dataDir, 'logs'),
    secrets: join(dataDir, 'secrets'),
    postgres: join(dataDir, 'postgres'),
    redis: join(dataDir, 'redis'),
    cache: join(dataDir, 'cache'),
    auditSpool: join(dataDir, 'audit', 'spool'),
    auditCheckpoints: join(dataDir, 'audit', 'checkpoints'),
  };
}

/**
 * Makes the directory ours for as long as this process lives.
 *
 * @param {string} dataDir
 * @throws {StartError} when another start uses it, or it cannot be written
 */
export function claimDataDirectory(dataDir) {
  const { lock } = layoutOf(dataDir);
  try {
    mkdirSync(dataDir, { recursive: true });
    if (!existsSync(join(dataDir, MARKER))) {
      writeFileSync(
        join(dataDir, MARKER),
        'The local data of Caudal. "npm run reset" removes this directory.\n',
      );
    }
    const owner = findOwner(dataDir);
    if (owner !== null) {
      throw new StartError(
        `Caudal already runs on ${dataDir} (process ${String(owner.pid)}): stop it first, or choose another DATA_DIR`,
      );
    }
    rmSync(lock, { force: true });
    writeFileSync(lock, JSON.stringify(currentProcessIdentity()), { flag: 'wx' });
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (cause);
    if (code === 'EEXIST') throw new StartError(`another start has just claimed ${dataDir}`, { cause });
    throw new StartError(`DATA_DIR=${dataDir} cannot be used: ${message}`, { cause });
  }
}

/** @param {string} dataDir */
export function releaseDataDirectory(dataDir) {
  rmSync(layoutOf(dataDir).lock, { force: true });
}

/**
 * The live process that uses the directory, or null.
 *
 * @param {string} dataDir
 * @returns {{ pid: number, startedAt: string } | null}
 */
export function findOwner(dataDir) {
  try {
    const owner = /** @type {{ pid: number, startedAt: string }} */ (readJsonFile(layoutOf(dataDir).lock));
    return isSameProcessAlive(owner) ? owner : null;
  } catch {
    return null;
  }
}

/** @param {string} dataDir */
export function isDataDirectory(dataDir) {
  return existsSync(join(dataDir, MARKER));
}
