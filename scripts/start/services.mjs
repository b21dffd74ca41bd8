// @ts-check
import { migrate } from '../database/migrate.mjs';
import { preferPort } from '../services/ports.mjs';
import { startPostgres } from '../services/postgres.mjs';
import { findRedisServer } from '../services/redis-server.mjs';
import { startRedis } from '../services/redis.mjs';

/**
 * Connections beyond the pools: migrations, the seed, a person with psql, PostgreSQL's own reserve, and
 * the overlap of old and new processes.
 */
/** Each instance keeps one to every node, to look at it. */
const WATCH_CONNECTIONS = 1;
const CONNECTION_RESERVE = 30;

/** Preferred, so that a client's saved connection keeps working; any free port when they are taken. */
const POSTGRES_PORT = 54_329;
const REDIS_PORT = 63_790;

/** A server of one's own may still be starting; one that is not there should be told soon. */
const MIGRATION_WAIT_MS = 15_000;

/**
 * What the application is to connect to, and what was started for it.
 *
 * @typedef {object} Services
 * @property {Record<string, string>} env Settings of the application.
 * @property {{ name: string, waitForExit: () => Promise<unknown>, lastLogLines: () => string }[]} started
 */

/**
 * Starts what the environment does not name already, and migrates the database.
 *
 * @param {import('./options.mjs').StartOptions} options
 * @param {ReturnType<typeof import('./data-directory.mjs').layoutOf>} layout
 * @param {import('../setup/steps.mjs').Steps} steps
 * @returns {Promise<Services>}
 */
export async function startServices(options, layout, steps) {
  /** @type {Services} */
  const services = { env: {}, started: [] };
  let { databaseUrl } = options;
  if (databaseUrl === undefined) {
    const postgres = await steps.run(
      'starting PostgreSQL',
      async (note) =>
        startPostgres({
          dataDir: layout.postgres,
          runDir: layout.run,
          port: await preferPort(POSTGRES_PORT),
          maxConnections: options.instances * (options.poolSize + WATCH_CONNECTIONS) + CONNECTION_RESERVE,
          replica: true,
          log: note,
        }),
      ({ port, replicas, isNew }) =>
        `PostgreSQL 18 primary on :${String(port)}, streaming replica on :${replicas.map((replica) => String(replica.port)).join(', :')}${isNew ? ', new' : ''}`,
    );
    databaseUrl = postgres.url;
    services.env['DATABASE_URL'] = postgres.url;
    services.env['DATABASE_REPLICA_URLS'] = postgres.replicaUrls.join(',');
    services.started.push(postgres.primary, ...postgres.replicas);
  }
  if (options.redisUrl === undefined) {
    const redis = await steps.run(
      'starting Redis',
      async (note) => {
        const server = await findRedisServer({ log: note, cacheDir: layout.cache });
        const started = await startRedis({
          dir: layout.redis,
          runDir: layout.run,
          port: await preferPort(REDIS_PORT),
          persistent: true,
          server,
          log: note,
        });
        return { ...started, source: server.source, name: 'redis' };
      },
      ({ port, source }) => `Redis on :${String(port)} (${source})`,
    );
    services.env['REDIS_URL'] = redis.url;
    services.started.push(redis);
  }
  const url = databaseUrl;
  await steps.run(
    'migrating the database',
    (note) => migrate(url, { log: note, waitMs: MIGRATION_WAIT_MS }),
    (applied) =>
      applied.length === 0 ? 'database up to date' : `database migrated (${String(applied.length)} new)`,
  );
  return services;
}
