// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverEnvironment } from './postgres-cluster.mjs';
import {
  isSameProcessAlive,
  processStartTime,
  readProcessRecords,
  removeProcessRecord,
  stopProcess,
} from './process-records.mjs';
import { startServiceProcess } from './service-process.mjs';
import { StartError } from './start-error.mjs';

/**
 * @typedef {import('./service-process.mjs').ServiceProcess & { dataDir: string, port: number }} PostgresServer
 */

/**
 * Starts one server on a data directory and waits until it accepts connections.
 *
 * @param {object} options
 * @param {import('./postgres-host.mjs').PostgresHost} options.host
 * @param {string} options.name
 * @param {string} options.directory
 * @param {number} options.port
 * @param {string} options.logFile
 * @param {string} options.runDir
 * @param {number} options.order
 * @param {number} [options.readyTimeoutMs]
 * @param {NodeJS.ProcessEnv} [options.env] beside that of every server
 * @returns {Promise<PostgresServer>}
 */
export async function startPostgresServer(options) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return await tryToStart(options);
    } catch (error) {
      // After kill -9 the old server's children take a moment to notice, and hold its shared memory.
      const detail = error instanceof StartError ? error.detail : '';
      if (!detail.includes('shared memory block') || Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

/**
 * @param {Parameters<typeof startPostgresServer>[0]} options
 * @returns {Promise<PostgresServer>}
 */
async function tryToStart(options) {
  const { host, name, directory, port, logFile, runDir, readyTimeoutMs = 60_000 } = options;
  const server = await startServiceProcess({
    name,
    command: host.postgres,
    args: ['-D', directory],
    cwd: directory,
    env: { ...serverEnvironment(), ...options.env },
    identity: host.identity,
    logFile,
    runDir,
    order: options.order,
    // SIGINT is PostgreSQL's fast shutdown: it ends sessions and writes a checkpoint.
    stopSignal: 'SIGINT',
    // SIGQUIT is its immediate shutdown: like a crash, but its children end with it.
    forceSignal: 'SIGQUIT',
    graceMs: 20_000,
  });
  const deadline = Date.now() + readyTimeoutMs;
  while (!isReady(directory, server.pid)) {
    if (server.hasExited()) {
      throw new StartError(`PostgreSQL (${name}) stopped while starting; its log is ${logFile}`, {
        detail: server.lastLogLines(),
      });
    }
    if (Date.now() > deadline) {
      await server.stop();
      throw new StartError(
        `PostgreSQL (${name}) was not ready after ${String(readyTimeoutMs / 1000)} s; its log is ${logFile}`,
        {
          detail: server.lastLogLines(),
        },
      );
    }
    await sleep(10);
  }
  return { ...server, dataDir: directory, port };
}

/**
 * Makes sure that no server runs on the data directory: a server left behind by a script that was
 * killed is stopped, any other one is an error, and the file of a dead one is left to PostgreSQL,
 * which recognises and replaces it.
 *
 * @param {object} options
 * @param {string} options.directory
 * @param {string} options.runDir
 * @param {(line: string) => void} options.log
 */
export async function ensureDataDirectoryIsIdle({ directory, runDir, log }) {
  const pid = readPostmasterFile(directory)?.pid;
  if (pid === undefined) return;
  const startedAt = processStartTime(pid);
  if (startedAt === null || !looksLikePostgres(pid)) return;
  const record = readProcessRecords(runDir).find(
    (known) => known.pid === pid && known.startedAt === startedAt,
  );
  if (record === undefined) {
    throw new StartError(
      `another PostgreSQL (pid ${String(pid)}) runs on ${directory}: stop it, or choose another DATA_DIR`,
    );
  }
  if (isSameProcessAlive(record.owner)) {
    throw new StartError(
      `PostgreSQL on ${directory} is in use by process ${String(record.owner.pid)}: stop that first`,
    );
  }
  log(`stopping PostgreSQL (pid ${String(pid)}), left behind by a start that was killed`);
  await stopProcess(record);
  removeProcessRecord(runDir, record.name, record.pid);
}

/**
 * The server writes its state into the eighth line of postmaster.pid; pg_ctl waits for it in the
 * same way. A standby never prints the line that a primary prints.
 *
 * @param {string} directory
 * @param {number} pid
 */
function isReady(directory, pid) {
  const file = readPostmasterFile(directory);
  return file?.pid === pid && (file.status === 'ready' || file.status === 'standby');
}

/** @param {string} directory */
function readPostmasterFile(directory) {
  const path = join(directory, 'postmaster.pid');
  if (!existsSync(path)) return undefined;
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return { pid: Math.abs(Number(lines[0])), status: (lines[7] ?? '').trim() };
  } catch {
    return undefined;
  }
}

/**
 * A pid from a file that is older than the last reboot may belong to anything by now.
 *
 * @param {number} pid
 */
function looksLikePostgres(pid) {
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${String(pid)}/comm`, 'utf8').trim() === 'postgres';
  } catch {
    return false;
  }
}
