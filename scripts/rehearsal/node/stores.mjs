// @ts-check
// PostgreSQL (a primary and a streaming standby) and a Redis, which the pods reach at the node's address as Services
// without a selector: databases outside of the cluster.
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../services/postgres.mjs';
import { startRedis } from '../../services/redis.mjs';

/** What pgbouncer.yaml expects of it. */
const POSTGRES_PORT = 5432;
/** As production's, docs/operations.md, "Deploy". */
const CONNECTIONS_MAX = 300;

/**
 * @typedef {object} Stores
 * @property {string} url of the database on loopback, as the application's role
 * @property {string} password of that role
 * @property {number} replicaPort
 * @property {number} redisPort
 * @property {(signal: 'SIGSTOP' | 'SIGCONT') => void} signalPostgres all its processes, on both servers
 */

/** @param {string} state @returns {Promise<Stores>} */
export async function startStores(state) {
  const postgres = await startPostgres({
    ...{ dataDir: join(state, 'postgres'), port: POSTGRES_PORT, maxConnections: CONNECTIONS_MAX },
    ...{ replica: true, durable: false, settings: { listen_addresses: '*' } },
  });
  for (const server of [postgres.primary, ...postgres.replicas]) {
    appendFileSync(join(server.dataDir, 'pg_hba.conf'), 'host all all all scram-sha-256\n');
    process.kill(server.pid, 'SIGHUP');
  }
  const redis = await startRedis({
    dir: join(state, 'redis'),
    // The application refuses one that forgets.
    persistent: true,
    settings: { bind: '0.0.0.0', 'protected-mode': 'no' },
  });
  const replicaPort = postgres.replicas[0]?.port ?? 0;
  return {
    ...{ url: postgres.url, password: new URL(postgres.url).password, replicaPort, redisPort: redis.port },
    signalPostgres: (signal) => {
      for (const { pid } of [postgres.primary, ...postgres.replicas])
        for (const each of [pid, ...childrenOf(pid)]) process.kill(each, signal);
    },
  };
}

/**
 * PostgreSQL answers each connection from a process of its own, which outlives a stop of the postmaster.
 *
 * @param {number} parent
 */
function childrenOf(parent) {
  return processIds().filter((pid) => statOf(pid)[1] === String(parent));
}

/** Of all processes that can be seen. */
export const processIds = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** State, parent and what follows in /proc/PID/stat; empty when it has ended. @param {number} pid */
export function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    // The name is in parentheses and may contain anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/**
 * @param {string} url
 * @param {string} text
 * @param {unknown[]} [values]
 * @returns {Promise<Record<string, unknown>[]>}
 */
export async function query(url, text, values = []) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = /** @type {{ rows: Record<string, unknown>[] }} */ (await client.query(text, values));
    return rows;
  } finally {
    await client.end();
  }
}
