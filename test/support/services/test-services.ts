import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { migrate } from '../../../scripts/database/migrate.mjs';
import { type Postgres, startPostgres } from '../../../scripts/services/postgres.mjs';
import { type Redis, startRedis } from '../../../scripts/services/redis.mjs';
import { type RedisCluster, type RedisClusterOptions, startRedisCluster } from './redis-cluster.js';
import { type RedisSentinel, startRedisSentinel } from './redis-sentinel.js';
import { getSharedServices, type SharedServices } from './shared-services.js';
import { createTestDatabase, query, waitForReplay } from './test-database.js';

/** Real PostgreSQL and Redis for one test file. */
export interface TestServices {
  readonly databaseUrl: string;
  readonly replicaUrl: string;
  readonly superuserUrl: string;
  readonly replicaSuperuserUrl: string;
  /** A server of this file alone: it may be stopped, killed, frozen (SIGSTOP) and restarted at will. */
  readonly redis: Redis;
  /** Present only when a PostgreSQL of its own was asked for: the servers that may be killed and started. */
  readonly postgres: Postgres | undefined;
  /** Another Redis, for example to give rate limits and sessions one each. */
  startAnotherRedis(): Promise<Redis>;
  /** A real Redis Cluster of three masters, for a role by its `url`; about a second. */
  startRedisCluster(options?: RedisClusterOptions): Promise<RedisCluster>;
  /** A master, a replica and three sentinels, for a role by its `url`; a few seconds. */
  startRedisSentinel(): Promise<RedisSentinel>;
  /** Resolves once the replica has everything that is committed on the primary now. */
  waitForReplica(): Promise<void>;
  close(): Promise<void>;
}

export interface TestServicesOptions {
  /**
   * Start a primary and a replica for this file alone (about a second), so that they may be killed,
   * frozen or made to lag. Otherwise the file gets a database of its own on the shared servers.
   */
  readonly dedicatedPostgres?: boolean;
  /** Standbys of a dedicated PostgreSQL; one by default. */
  readonly replicas?: number;
}

export async function startTestServices(options: TestServicesOptions = {}): Promise<TestServices> {
  const shared = getSharedServices();
  const redisServers: { stop(): Promise<void> }[] = [];
  const stopLater = <T extends { stop(): Promise<void> }>(started: T): T => {
    redisServers.push(started);
    return started;
  };
  const startAnotherRedis = async (): Promise<Redis> => stopLater(await startTestRedis(shared));
  const [database, redis] = await Promise.all([
    options.dedicatedPostgres === true
      ? startDedicatedPostgres(shared, options.replicas ?? 1)
      : createSharedDatabase(shared),
    startAnotherRedis(),
  ]);
  return {
    ...database,
    redis,
    startAnotherRedis,
    startRedisCluster: async (clusterOptions) => stopLater(await startRedisCluster(shared, clusterOptions)),
    startRedisSentinel: async () => stopLater(await startRedisSentinel(shared)),
    waitForReplica: async () => {
      const [row] = await query(database.superuserUrl, ['SELECT pg_current_wal_flush_lsn() AS lsn']);
      await waitForReplay(database.replicaSuperuserUrl, String(row?.['lsn']));
    },
    close: async () => {
      await Promise.all([database.drop(), ...redisServers.map((each) => each.stop())]);
    },
  };
}

type Database = Pick<
  TestServices,
  'databaseUrl' | 'replicaUrl' | 'superuserUrl' | 'replicaSuperuserUrl' | 'postgres'
> & { drop(): Promise<void> };

async function createSharedDatabase(shared: SharedServices): Promise<Database> {
  return { ...(await createTestDatabase(shared)), postgres: undefined };
}

async function startDedicatedPostgres(shared: SharedServices, replicas: number): Promise<Database> {
  const name = `postgres-${randomBytes(8).toString('hex')}`;
  const postgres = await startPostgres({
    dataDir: join(shared.directory, name),
    runDir: shared.runDir,
    namePrefix: `${name}-`,
    replica: { count: replicas },
    durable: false,
    maxConnections: 200,
  });
  await migrate(postgres.url);
  const inDatabase = (url: string | undefined): string => (url ?? '').replace(/\/[^/]*$/, '/caudal');
  return {
    databaseUrl: postgres.url,
    replicaUrl: inDatabase(postgres.replicaUrls[0]),
    superuserUrl: inDatabase(postgres.superuserUrl),
    replicaSuperuserUrl: inDatabase(postgres.replicaSuperuserUrls[0]),
    postgres,
    drop: () => postgres.stop(),
  };
}

async function startTestRedis(shared: SharedServices): Promise<Redis> {
  const name = `redis-${randomBytes(8).toString('hex')}`;
  return startRedis({
    dir: join(shared.directory, name),
    name,
    runDir: shared.runDir,
    server: shared.redisServer,
  });
}
