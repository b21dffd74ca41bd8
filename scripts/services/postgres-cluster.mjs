// @ts-check
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { giveTo } from './postgres-host.mjs';
import { StartError } from './start-error.mjs';
import { readJsonFile } from './json-file.mjs';

const run = promisify(execFile);

/** Included from postgresql.conf and written anew at every start. */
const SETTINGS_FILE = 'caudal.conf';

/**
 * @typedef {object} Credentials
 * @property {string} superuserPassword role `postgres`
 * @property {string} replicationPassword role `caudal_replication`
 * @property {string} applicationPassword role `caudal`
 * @property {number} maxConnections The highest number a start asked for. It never goes down, because a
 *   standby refuses to start with less than the primary had when it wrote the WAL to be replayed.
 */

/**
 * @param {string} dataDir
 * @param {number} maxConnections
 * @returns {Credentials}
 */
export function loadCredentials(dataDir, maxConnections) {
  const path = join(dataDir, 'credentials.json');
  /** @type {Credentials} */
  const known = existsSync(path)
    ? /** @type {Credentials} */ (readJsonFile(path))
    : {
        superuserPassword: randomPassword(),
        replicationPassword: randomPassword(),
        applicationPassword: randomPassword(),
        maxConnections: 0,
      };
  if (maxConnections > known.maxConnections) {
    known.maxConnections = maxConnections;
    writeFileSync(path, `${JSON.stringify(known, null, 2)}\n`, { mode: 0o600 });
  }
  return known;
}

/**
 * Makes a new data directory. The built-in locale sorts and folds case the same on every machine,
 * whatever locales are installed.
 *
 * @param {import('./postgres-host.mjs').PostgresHost} host
 * @param {string} directory
 * @param {{ superuserPassword: string, durable: boolean }} options
 */
export async function initialiseDataDirectory(host, directory, { superuserPassword, durable }) {
  const secrets = mkdtempSync(join(host.clusterDir, 'initdb-'));
  const passwordFile = join(secrets, 'password');
  try {
    writeFileSync(passwordFile, `${superuserPassword}\n`, { mode: 0o600 });
    giveTo(secrets, host.identity);
    giveTo(passwordFile, host.identity);
    mkdirSync(directory, { mode: 0o700 });
    giveTo(directory, host.identity);
    const flags = ['--pgdata', directory, '--username', 'postgres', '--pwfile', passwordFile];
    flags.push('--auth', 'scram-sha-256', '--encoding', 'UTF8');
    flags.push('--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8');
    if (!durable) flags.push('--no-sync');
    await run(host.initdb, flags, { cwd: directory, env: serverEnvironment(), ...host.identity });
    appendFileSync(join(directory, 'postgresql.conf'), `\ninclude '${SETTINGS_FILE}'\n`);
  } catch (cause) {
    // Half a data directory would look like a whole one to the next start.
    rmSync(directory, { recursive: true, force: true });
    const { stderr, message } = /** @type {{ stderr?: string, message: string }} */ (cause);
    throw new StartError(`PostgreSQL could not create its data directory ${directory}`, {
      cause,
      detail: stderr || message,
    });
  } finally {
    rmSync(secrets, { recursive: true, force: true });
  }
}

/**
 * Copies the data directory of a primary that is stopped, which is the simplest base backup there is.
 *
 * @param {import('./postgres-host.mjs').PostgresHost} host
 * @param {string} primaryDir
 * @param {string} replicaDir
 */
export async function copyStandby(host, primaryDir, replicaDir) {
  const partial = `${replicaDir}.partial`;
  rmSync(partial, { recursive: true, force: true });
  rmSync(replicaDir, { recursive: true, force: true });
  await run('cp', ['-Rp', primaryDir, partial]);
  rmSync(join(partial, 'postmaster.pid'), { force: true });
  const signal = join(partial, 'standby.signal');
  writeFileSync(signal, '');
  giveTo(signal, host.identity);
  await run('mv', [partial, replicaDir]);
}

/**
 * @param {import('./postgres-host.mjs').PostgresHost} host
 * @param {string} directory
 * @param {Record<string, string | number | undefined>} settings
 */
export function writeSettings(host, directory, settings) {
  const lines = ['# Written at every start; changes made here by hand are lost.'];
  for (const [name, value] of Object.entries(settings)) {
    if (value !== undefined) lines.push(`${name} = '${String(value).replaceAll("'", "''")}'`);
  }
  const path = join(directory, SETTINGS_FILE);
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  giveTo(path, host.identity);
}

/**
 * @param {object} options
 * @param {number} options.port
 * @param {number} options.maxConnections
 * @param {boolean} options.durable
 * @param {Record<string, string>} [options.settings] Wins over everything else.
 * @returns {Record<string, string | number>}
 */
export function serverSettings({ port, maxConnections, durable, settings = {} }) {
  return {
    listen_addresses: '127.0.0.1',
    port,
    // Socket files would collide between servers and their paths are limited to 107 bytes.
    unix_socket_directories: '',
    max_connections: maxConnections,
    shared_buffers: '128MB',
    // Partitioned history tables take one lock for each partition that a statement touches.
    max_locks_per_transaction: 256,
    // A directory copied right after initdb has recorded 10, and a standby with less aborts.
    max_wal_senders: 10,
    hot_standby: 'on',
    // Without it a long read on the replica is cancelled by the clean-up of rows on the primary.
    hot_standby_feedback: 'on',
    // A standby that was switched off meanwhile finds its WAL again; beyond this it is copied anew.
    wal_keep_size: '256MB',
    max_wal_size: '1GB',
    synchronous_commit: 'on',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
    log_checkpoints: 'off',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...settings,
  };
}

/** The servers need nothing from our environment, and messages must be in English to be understood. */
export function serverEnvironment() {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', HOME: '/' };
}

function randomPassword() {
  return randomBytes(24).toString('base64url');
}
