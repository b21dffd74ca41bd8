// @ts-check
import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  loadCredentials,
  serverEnvironment,
  serverSettings,
  writeSettings,
} from '../services/postgres-cluster.mjs';
import { giveTo, preparePostgresHost } from '../services/postgres-host.mjs';
import { ensureApplicationRole, queryAsSuperuser } from '../services/postgres-roles.mjs';
import { startPostgresServer } from '../services/postgres-server.mjs';
import { findFreePort } from '../services/ports.mjs';

const run = promisify(execFile);

/**
 * A PostgreSQL of the machine's own packages that archives its WAL: what a backup tool knows how to read.
 *
 * @typedef {object} ArchivingPostgres
 * @property {string} dataDir
 * @property {number} port
 * @property {string} url as the application's role
 * @property {string} superuserUrl
 * @property {import('../services/postgres-host.mjs').PostgresHost} host
 * @property {(directory: string) => Promise<import('../services/postgres-server.mjs').PostgresServer>} start
 */

/**
 * @param {object} options
 * @param {string} options.directory that the account of PostgreSQL can reach
 * @param {string} options.serverPrograms
 * @param {string} options.runDir
 * @param {string} options.archiveCommand
 * @param {number} options.archiveTimeoutSeconds
 * @param {NodeJS.ProcessEnv} [options.env] of the server, and so of its archive_command
 * @returns {Promise<ArchivingPostgres & { server: import('../services/postgres-server.mjs').PostgresServer }>}
 */
export async function startArchivingPostgres(options) {
  const { directory, serverPrograms, runDir } = options;
  const host = {
    ...(await preparePostgresHost(directory)),
    initdb: join(serverPrograms, 'initdb'),
    postgres: join(serverPrograms, 'postgres'),
  };
  // Its socket is here, which trusts whoever reaches it.
  giveTo(directory, host.identity);
  chmodSync(directory, 0o700);
  const credentials = loadCredentials(directory, 100);
  const dataDir = join(directory, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  giveTo(dataDir, host.identity);
  const flags = ['--pgdata', dataDir, '--username', 'postgres', '--encoding', 'UTF8', '--locale', 'C.UTF-8'];
  flags.push('--auth-local', 'trust', '--auth-host', 'scram-sha-256', '--data-checksums');
  await run(host.initdb, flags, { cwd: dataDir, env: serverEnvironment(), ...host.identity });
  appendFileSync(join(dataDir, 'postgresql.conf'), "\ninclude 'caudal.conf'\n");

  const port = await findFreePort();
  const settings = serverSettings({
    port,
    maxConnections: credentials.maxConnections,
    durable: true,
    settings: {
      unix_socket_directories: directory,
      password_encryption: 'scram-sha-256',
      archive_mode: 'on',
      archive_command: options.archiveCommand,
      archive_timeout: String(options.archiveTimeoutSeconds),
      shared_buffers: '64MB',
    },
  });
  writeSettings(host, dataDir, settings);
  const start = (/** @type {string} */ at) =>
    startPostgresServer({
      host,
      name: 'drill-postgres',
      directory: at,
      port,
      logFile: join(directory, 'postgres.log'),
      runDir,
      order: 0,
      readyTimeoutMs: 120_000,
      ...(options.env === undefined ? {} : { env: options.env }),
    });
  const server = await start(dataDir);
  const socketUrl = `postgresql://postgres@/postgres?host=${encodeURIComponent(directory)}&port=${String(port)}`;
  await queryAsSuperuser(socketUrl, `ALTER ROLE postgres PASSWORD '${credentials.superuserPassword}'`);
  const urlOf = (
    /** @type {string} */ user,
    /** @type {string} */ password,
    /** @type {string} */ database,
  ) => `postgresql://${user}:${password}@127.0.0.1:${String(port)}/${database}`;
  const superuserUrl = urlOf('postgres', credentials.superuserPassword, 'postgres');
  await ensureApplicationRole(superuserUrl, credentials);
  return {
    host,
    dataDir,
    port,
    start,
    server,
    superuserUrl,
    url: urlOf('caudal', credentials.applicationPassword, 'caudal'),
  };
}
