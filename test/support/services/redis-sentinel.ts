import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis as Connection } from 'ioredis';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { type Redis, startRedis } from '../../../scripts/services/redis.mjs';
import { startServiceProcess } from '../../../scripts/services/service-process.mjs';
import { waitFor } from '../wait-for.js';
import { tlsSettings } from './redis-tls.js';
import type { SharedServices } from './shared-services.js';
import type { TlsFiles } from './tls-files.js';

const MASTER_NAME = 'caudal';
const SENTINELS = 3;
const QUORUM = 2;
/** A master that is silent for so long is replaced. */
const DOWN_AFTER_MS = 1000;

/** A sentinel that was not asked for its vote learns of the new master from the others. */
const AGREEMENT_DEADLINE_MS = 30_000;

/** A real master with a replica and three sentinels that watch over them. */
export interface RedisSentinel {
  /** For REDIS_URL and its like. */
  readonly url: string;
  /** The two servers; the first is the master at the start. Each may be frozen, killed and restarted. */
  readonly servers: readonly [Redis, Redis];
  /** The server that the sentinels name as the master, once they all name the same. */
  master(): Promise<Redis>;
  stop(): Promise<void>;
}

/** With `tls` the servers and the sentinels talk TLS with clients and with each other. */
export async function startRedisSentinel(shared: SharedServices, tls?: TlsFiles): Promise<RedisSentinel> {
  const started = await Promise.all([startServer(shared, tls), startServer(shared, tls)]);
  const [{ server: first, port: firstPort }, { server: second }] = started;
  const toSecond = connectTo(second.port);
  await toSecond.replicaof('127.0.0.1', firstPort);
  await waitFor('the replica', async () =>
    (await toSecond.info('replication')).includes('master_link_status:up'),
  );
  toSecond.disconnect();
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startSentinel(shared, firstPort, tls)),
  );
  const asking = sentinels.map(({ port }) => connectTo(port));
  const ask = async (connection: Connection, ...question: [string, ...string[]]) =>
    (await connection.call('SENTINEL', ...question)) as unknown[];
  await waitFor('the sentinels to know each other and the replica', async () => {
    const answers = await Promise.all(
      asking.flatMap((connection) => [
        ask(connection, 'SENTINELS', MASTER_NAME).then((others) => others.length === SENTINELS - 1),
        ask(connection, 'REPLICAS', MASTER_NAME).then((replicas) => replicas.length === 1),
      ]),
    );
    return answers.every(Boolean);
  });
  const servers = [first, second] as const;
  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}+sentinel://${sentinels.map(({ publicPort }) => `127.0.0.1:${String(publicPort)}`).join(',')}/${MASTER_NAME}`,
    servers,
    master: async () => {
      const named = new Set<number>();
      await waitFor(
        'the sentinels to agree',
        async () => {
          named.clear();
          for (const connection of asking) {
            const [, port] = await ask(connection, 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
            named.add(Number(port));
          }
          return named.size === 1;
        },
        AGREEMENT_DEADLINE_MS,
      );
      const master = started.find((each) => named.has(each.port));
      if (master === undefined) throw new Error('the sentinels name another master');
      return master.server;
    },
    stop: async () => {
      for (const connection of asking) connection.disconnect();
      await Promise.all([...sentinels, ...servers].map((each) => each.stop()));
    },
  };
}

/** With the port under which the others know it. */
async function startServer(shared: SharedServices, tls?: TlsFiles): Promise<{ server: Redis; port: number }> {
  const name = `redis-watched-${randomBytes(8).toString('hex')}`;
  const forTls = tls && (await tlsSettings(tls));
  const server = await startRedis({
    dir: join(shared.directory, name),
    name,
    runDir: shared.runDir,
    server: shared.redisServer,
    settings: { 'repl-diskless-sync-delay': '0', ...forTls?.settings },
  });
  return { server, port: forTls?.port ?? server.port };
}

async function startSentinel(
  shared: SharedServices,
  masterPort: number,
  tls?: TlsFiles,
): Promise<{ readonly port: number; readonly publicPort: number; stop(): Promise<void> }> {
  const port = await findFreePort();
  const forTls = tls && (await tlsSettings(tls));
  const name = `sentinel-${randomBytes(8).toString('hex')}`;
  const dir = join(shared.directory, name);
  mkdirSync(dir, { recursive: true });
  const configuration = join(dir, 'sentinel.conf');
  // A sentinel keeps what it learns in its configuration file.
  writeFileSync(
    configuration,
    [
      `port ${String(port)}`,
      'bind 127.0.0.1',
      `dir ${dir}`,
      ...Object.entries(forTls?.settings ?? {}).map(([key, value]) => `${key} ${value}`),
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${String(masterPort)} ${String(QUORUM)}`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${String(DOWN_AFTER_MS)}`,
      `sentinel failover-timeout ${MASTER_NAME} 5000`,
      '',
    ].join('\n'),
  );
  const running = await startServiceProcess({
    name,
    command: shared.redisServer.command,
    args: [configuration, '--sentinel'],
    cwd: dir,
    logFile: join(dir, `${name}.log`),
    runDir: shared.runDir,
    order: 10,
  });
  return {
    port,
    publicPort: forTls?.port ?? port,
    stop: async () => {
      await running.stop();
    },
  };
}

function connectTo(port: number): Connection {
  const connection = new Connection(port, '127.0.0.1', { maxRetriesPerRequest: null });
  connection.on('error', () => undefined);
  return connection;
}
