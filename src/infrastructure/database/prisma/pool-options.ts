import { hostname } from 'node:os';
import type { ClientConfig, PoolConfig } from 'pg';
import type { AppConfig } from '../../../config/index.js';
import type { DatabaseNode } from './database-nodes.js';

const IDLE_TIMEOUT_MS = 30_000;
/** The server's own deadline comes first, and leaves the connection in order. */
const DRIVER_GRACE_MS = 500;

/** What PostgreSQL's views and logs call this process; the pod's name is its host name. */
const APPLICATION_NAME = `caudal-${hostname().slice(-48)}-${String(process.pid)}`;

export function connectionOptions({ url }: DatabaseNode): ClientConfig {
  return { connectionString: url, application_name: APPLICATION_NAME };
}

export function poolOptions({ env }: AppConfig, node: DatabaseNode, max: number): PoolConfig {
  const lifetimeSeconds = env.DATABASE_CONNECTION_LIFETIME_SECONDS;
  return {
    ...connectionOptions(node),
    max,
    connectionTimeoutMillis: env.DATABASE_ACQUIRE_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    // Spreads reconnects of a fleet that started together.
    maxLifetimeSeconds: Math.floor(lifetimeSeconds * (1 + Math.random() / 3)),
    query_timeout: env.DATABASE_STATEMENT_TIMEOUT_MS + DRIVER_GRACE_MS,
    keepAlive: true,
  };
}
