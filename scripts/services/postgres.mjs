// @ts-check
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from './ports.mjs';
import {
  copyStandby,
  initialiseDataDirectory,
  loadCredentials,
  serverSettings,
  writeSettings,
} from './postgres-cluster.mjs';
import { preparePostgresHost } from './postgres-host.mjs';
import { ensureApplicationRole, queryAsSuperuser } from './postgres-roles.mjs';
import { ensureDataDirectoryIsIdle, startPostgresServer } from './postgres-server.mjs';
import { StartError } from './start-error.mjs';

/** The major version of the binaries; data directories of another one cannot be opened. */
const MAJOR_VERSION = '18';

/**
 * @typedef {object} PostgresHandle One server of the cluster.
 * @property {string} name
 * @property {string} dataDir
 * @property {number} port
 * @property {number} pid Of the running server, or of the last one.
 * @property {() => Promise<{ code: number | null, signal: NodeJS.Signals | null }>} waitForExit
 * @property {() => string} lastLogLines
 * @property {(signal?: NodeJS.Signals) => void} kill Sends a signal (SIGKILL by default) and does not wait.
 * @property {() => Promise<boolean>} stop Fast shutdown; false when it had to be killed.
 * @property {() => Promise<void>} start Starts it again on the same port after stop or kill.
 */

/**
 * @typedef {object} Postgres
 * @property {string} url As the application's role, which owns its database and may create others.
 * @property {string[]} replicaUrls
 * @property {string} superuserUrl
 * @property {string[]} replicaSuperuserUrls
 * @property {number} port
 * @property {PostgresHandle} primary
 * @property {PostgresHandle[]} replicas
 * @property {boolean} isNew Whether this start created the cluster.
 * @property {() => Promise<void>} stop Replicas first, then the primary.
 */

/**
 * Starts a PostgreSQL primary, and its streaming hot standbys, on directories below `dataDir`. What
 * an earlier start left there is used again; servers of a start that was killed are stopped first.
 * When any server fails to start, those already running are stopped before the error is thrown.
 *
 * @param {object} options
 * @param {string} options.dataDir
 * @param {number} [options.port] Of the primary; any free one when absent.
 * @param {number} [options.maxConnections]
 * @param {boolean | { count: number }} [options.replica]
 * @param {Record<string, string>} [options.settings]
 * @param {boolean} [options.durable] False trades crash safety for speed: only for throw-away data.
 * @param {string} [options.runDir] Where the processes are recorded for the guard.
 * @param {string} [options.namePrefix] Tells clusters apart that share a run directory.
 * @param {(line: string) => void} [options.log]
 * @returns {Promise<Postgres>}
 */
export async function startPostgres(options) {
  const { dataDir, durable = true, replica = false, settings, namePrefix = '', log = () => {} } = options;
  const runDir = options.runDir ?? join(dataDir, 'run');
  const replicaCount = typeof replica === 'object' ? replica.count : Number(replica);
  const host = await preparePostgresHost(dataDir);
  const primaryDir = join(host.clusterDir, 'primary');
  const replicaDirs = Array.from({ length: replicaCount }, (_, index) =>
    join(host.clusterDir, `replica-${String(index + 1)}`),
  );

  for (const directory of [...replicaDirs, primaryDir]) {
    checkDataDirectory(directory);
    await ensureDataDirectoryIsIdle({ directory, runDir, log });
  }
  const isNew = !existsSync(primaryDir);
  if (!isNew && !existsSync(join(dataDir, 'credentials.json'))) {
    throw new StartError(
      `${join(dataDir, 'credentials.json')} is missing, so nobody can log in to the data next to it: run npm run reset`,
    );
  }
  mkdirSync(dataDir, { recursive: true });
  const credentials = loadCredentials(dataDir, options.maxConnections ?? 200);
  if (isNew) {
    await initialiseDataDirectory(host, primaryDir, {
      superuserPassword: credentials.superuserPassword,
      durable,
    });
  }

  const { maxConnections } = credentials;
  const port = options.port ?? (await findFreePort());
  /** @type {PostgresHandle[]} */
  const running = [];
  const start = async (
    /** @type {string} */ name,
    /** @type {string} */ directory,
    /** @type {number} */ serverPort,
  ) => {
    const handle = await startHandle({
      host,
      name: `${namePrefix}${name}`,
      directory,
      port: serverPort,
      logFile: join(dataDir, `${name}.log`),
      runDir,
      order: name === 'postgres-primary' ? 0 : 10,
    });
    running.push(handle);
    return handle;
  };
  const startPrimary = () => {
    writeSettings(host, primaryDir, serverSettings({ port, maxConnections, durable, settings }));
    return start('postgres-primary', primaryDir, port);
  };
  const startReplica = async (/** @type {string} */ directory, /** @type {number} */ index) => {
    const name = `replica_${String(index + 1)}`;
    const serverPort = await findFreePort();
    writeSettings(host, directory, {
      ...serverSettings({ port: serverPort, maxConnections, durable, settings }),
      primary_conninfo: `host=127.0.0.1 port=${String(port)} user=caudal_replication password=${credentials.replicationPassword} application_name=${name}`,
    });
    const handle = await start(`postgres-replica-${String(index + 1)}`, directory, serverPort);
    await waitUntilStreaming(superuserUrl, name, handle);
    return handle;
  };
  const stop = async () => {
    while (running.length > 0) await running.pop()?.stop();
  };
  const superuserUrl = connectionUrl('postgres', credentials.superuserPassword, port, 'postgres');

  try {
    if (!isNew && replicaDirs.some((directory) => !existsSync(directory))) {
      // Only a primary that was shut down in order may be copied, and the last one may have crashed.
      await startPrimary();
      await stop();
    }
    for (const directory of replicaDirs) {
      if (!existsSync(directory)) await copyStandby(host, primaryDir, directory);
    }
    let primary = await startPrimary();
    await ensureApplicationRole(superuserUrl, credentials);
    /** @type {PostgresHandle[]} */
    const replicas = [];
    for (const [index, directory] of replicaDirs.entries()) {
      try {
        replicas.push(await startReplica(directory, index));
      } catch (error) {
        log(
          `replica ${String(index + 1)} cannot follow the primary any more and is copied anew (${/** @type {Error} */ (error).message})`,
        );
        await stop();
        for (const each of replicaDirs) await copyStandby(host, primaryDir, each);
        primary = await startPrimary();
        replicas.length = 0;
        for (const [again, each] of replicaDirs.entries()) replicas.push(await startReplica(each, again));
        break;
      }
    }
    return {
      url: connectionUrl('caudal', credentials.applicationPassword, port, 'caudal'),
      replicaUrls: replicas.map((each) =>
        connectionUrl('caudal', credentials.applicationPassword, each.port, 'caudal'),
      ),
      superuserUrl,
      replicaSuperuserUrls: replicas.map((each) =>
        connectionUrl('postgres', credentials.superuserPassword, each.port, 'postgres'),
      ),
      port,
      primary,
      replicas,
      isNew,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * @param {Parameters<typeof startPostgresServer>[0]} options
 * @returns {Promise<PostgresHandle>}
 */
async function startHandle(options) {
  let server = await startPostgresServer(options);
  return {
    name: options.name,
    dataDir: options.directory,
    port: options.port,
    get pid() {
      return server.pid;
    },
    waitForExit: () => server.waitForExit(),
    lastLogLines: () => server.lastLogLines(),
    kill: (signal) => {
      server.kill(signal);
    },
    stop: () => server.stop(),
    start: async () => {
      await server.stop();
      server = await startPostgresServer(options);
    },
  };
}

/** @param {string} directory */
function checkDataDirectory(directory) {
  if (!existsSync(directory)) return;
  const versionFile = join(directory, 'PG_VERSION');
  const version = existsSync(versionFile) ? readFileSync(versionFile, 'utf8').trim() : 'unknown';
  if (version !== MAJOR_VERSION) {
    throw new StartError(
      `${directory} holds data of PostgreSQL ${version}, this is ${MAJOR_VERSION}: choose another DATA_DIR, or npm run reset to start over`,
    );
  }
}

/**
 * @param {string} superuserUrl
 * @param {string} name
 * @param {PostgresHandle} replica
 */
async function waitUntilStreaming(superuserUrl, name, replica) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const rows = await queryAsSuperuser(
      superuserUrl,
      'SELECT state FROM pg_stat_replication WHERE application_name = $1',
      [name],
    );
    if (rows[0]?.['state'] === 'streaming') return;
    if (Date.now() > deadline) {
      throw new StartError(`${replica.name} did not start to stream within 10 s`, {
        detail: replica.lastLogLines(),
      });
    }
    await sleep(20);
  }
}

/**
 * @param {string} user
 * @param {string} password
 * @param {number} port
 * @param {string} database
 */
function connectionUrl(user, password, port, database) {
  return `postgresql://${user}:${password}@127.0.0.1:${String(port)}/${database}`;
}
