import { connectionBudget } from '../../src/infrastructure/database/prisma/index.js';
import { loadConfig } from '../../src/config/index.js';
import { DatabaseUnderTest } from '../support/database-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

const PAIRS = 2000;
const ABORTED = 10_000;

describe('the pools under load', () => {
  let services: TestServices;
  let addresses: { url: string; replicaUrls: string[] };
  let open: DatabaseUnderTest[] = [];

  const start = async (
    env: Record<string, string> = {},
    nodes: typeof addresses = addresses,
  ): Promise<DatabaseUnderTest> => {
    const database = await DatabaseUnderTest.open(nodes, env);
    open.push(database);
    return database;
  };
  const replay = (state: 'pause' | 'resume') =>
    Promise.all(
      (services.postgres?.replicaSuperuserUrls ?? []).map((url) =>
        query(url, [`SELECT pg_wal_replay_${state}()`]),
      ),
    );
  /** So many workers until the count is reached. */
  const each = async (count: number, workers: number, work: (index: number) => Promise<unknown>) => {
    let next = 0;
    await Promise.all(
      Array.from({ length: workers }, async () => {
        for (let index = next++; index < count; index = next++) await work(index);
      }),
    );
  };

  beforeAll(async () => {
    services = await startTestServices({ dedicatedPostgres: true, replicas: 2 });
    const { postgres } = services;
    if (postgres === undefined) throw new Error('a PostgreSQL of its own was asked for');
    addresses = { url: postgres.url, replicaUrls: postgres.replicaUrls };
    await query(postgres.url, ['CREATE TABLE written (id integer PRIMARY KEY)']);
    await services.waitForReplica();
  });

  afterEach(async () => {
    await Promise.all(open.map((database) => database.close()));
    open = [];
  });

  afterAll(() => services.close());

  it('show every write to the read behind it while no replica replays', async () => {
    const [writer, reader] = [await start(), await start()];
    await replay('pause');
    try {
      let stale = 0;
      let floorless = 0;
      const find = (floor: bigint | null, id: number) =>
        reader.service.read(floor, (client) =>
          client.$queryRawUnsafe<unknown[]>('SELECT id FROM written WHERE id = $1', id),
        );
      await each(PAIRS, 8, async (index) => {
        const { position } = await writer.service.sqlTransactionAfter(
          () => Promise.resolve(),
          (transaction) => transaction.execute('INSERT INTO written VALUES ($1)', [index]),
        );
        if ((await find(position, index)).length === 0) stale += 1;
        if ((await find(null, index)).length === 0) floorless += 1;
      });
      expect(stale).toBe(0);
      // Without a floor the same reads see nothing, so that the zero above means something.
      expect(floorless).toBe(PAIRS);
      expect(await reader.metric('database_sticky_reads_total{outcome="behind"}')).toBe(PAIRS);
      await waitFor('the lag to be shown', async () => {
        return (
          (await reader.metric('database_replica_lag_bytes{replica="1"}')) > 0 &&
          (await reader.metric('database_replica_lag_seconds{replica="1"}')) > 0
        );
      });
    } finally {
      await replay('resume');
    }
    await waitFor(
      'no lag, though the primary is idle',
      async () => (await reader.metric('database_replica_lag_seconds')) === 0,
    );
  });

  it('keep the reads on the replicas when one in a hundred is a write', async () => {
    const database = await start();
    let position: bigint | null = null;
    await each(3000, 8, async (index) => {
      if (index % 100 === 0) {
        const written = await database.service.sqlTransactionAfter(
          () => Promise.resolve(),
          (transaction) => transaction.execute('INSERT INTO written VALUES ($1)', [100_000 + index]),
        );
        ({ position } = written);
        return;
      }
      await database.service.read(position, (client) => client.$queryRawUnsafe('SELECT 1'));
    });
    const onReplicas = await database.metric('database_reads_total{node="replica"}');
    const share = onReplicas / (await database.metric('database_reads_total'));
    process.stdout.write(`share of reads on replicas: ${share.toFixed(3)}\n`);
    expect(share).toBeGreaterThanOrEqual(0.8);
  });

  it('give each replica its share also when one read comes after the other', async () => {
    const database = await start();
    const reads = new Map<string, number>();
    await each(256, 1, async () => {
      const [row] = await database.service.read(null, (client) =>
        client.$queryRawUnsafe<{ port: string }[]>("SELECT current_setting('port') AS port"),
      );
      const port = row?.port ?? 'none';
      reads.set(port, (reads.get(port) ?? 0) + 1);
    });
    expect([...reads.values()]).toEqual([128, 128]);
  });

  it('keep a batch waiting for none of those who are many', async () => {
    const database = await start({ DATABASE_WRITE_POOL_SIZE: '8' });
    const crowd = Array.from({ length: 30 }, () => database.write('SELECT pg_sleep(0.2)::text'));
    let isOver = false;
    const all = Promise.all(crowd).then(() => (isOver = true));
    for (let batch = 0; batch < 3; batch += 1)
      await database.service.sqlTransactionAfter(
        () => Promise.resolve(),
        (transaction) => transaction.execute('INSERT INTO written VALUES ($1)', [200_000 + batch]),
      );
    // A second of sleep for each connection stood in front of them.
    expect(isOver).toBe(false);
    expect(await database.metric('database_connections_waiting{pool="write"}')).toBeGreaterThan(0);
    await all;
  });

  it('open no more connections than were computed, and refuse who would be one too many', async () => {
    const env = {
      DATABASE_WRITE_POOL_SIZE: '5',
      DATABASE_READ_POOL_SIZE: '8',
      DATABASE_WAITERS_MAX: '50',
      DATABASE_ACQUIRE_TIMEOUT_MS: '300',
    };
    // Counted where they leave the process: a server shows one that was given up until it notices.
    const proxies = await Promise.all(
      [addresses.url, ...addresses.replicaUrls].map((url) => TcpProxy.start(Number(new URL(url).port))),
    );
    const [url = '', ...replicaUrls] = [addresses.url, ...addresses.replicaUrls].map((direct, index) =>
      through(direct, proxies[index]),
    );
    const budget = connectionBudget(
      loadConfig({ DATABASE_URL: url, DATABASE_REPLICA_URLS: replicaUrls.join(','), ...env }),
    );
    expect(budget).toEqual({ write: 4, reserved: 1, readPerReplica: 4, watch: 3, total: 16 });
    const database = await start(env, { url, replicaUrls });
    let most = 0;
    // A timer runs when the event loop has told every proxy of what was opened and closed before.
    const watching = setInterval(() => {
      const open = proxies.reduce((sum, { connectionCount }) => sum + connectionCount, 0);
      most = Math.max(most, open);
    }, 1);
    const sleep = 'SELECT pg_sleep(0.5)::text';
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, () => [
        database.write(sleep),
        database.service.read(null, (client) => client.$queryRawUnsafe(sleep)),
      ]).flat(),
    );
    clearInterval(watching);
    for (const proxy of proxies) proxy.close();
    expect(most).toBeLessThanOrEqual(budget.total);
    expect(most).toBeGreaterThan(budget.write);
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    expect(await database.metric('database_pool_refusals_total{pool="write"}')).toBeGreaterThan(0);
    expect(await database.metric('database_connections_waiting')).toBe(0);
  });

  it('leak no connection after ten thousand transactions and reads that were given up', async () => {
    const database = await start();
    await each(ABORTED / 2, 32, async (index) => {
      await database.service
        .sqlTransaction(async (transaction) => {
          if (index % 2 === 0) await transaction.query('SELECT 1');
          throw new Error('given up');
        })
        .catch(() => undefined);
      await database.service
        .read(null, async (client) => {
          if (index % 2 === 0) await client.$queryRawUnsafe('SELECT 1/0');
          throw new Error('given up');
        })
        .catch(() => undefined);
    });
    expect(await database.metric('database_connections_active')).toBe(0);
    expect(await database.metric('database_connections_waiting')).toBe(0);
    await database.write('SELECT 1');
    const [row] = await query(addresses.url, [
      "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
    ]);
    expect(row).toEqual({ count: 0 });
  });

  it('serve without replicas when they are switched off', async () => {
    const database = await start({ FEATURE_REPLICA_READS: 'false' });
    await database.service.read(null, (client) => client.$queryRawUnsafe('SELECT 1'));
    expect(await database.metric('database_reads_total{node="replica"}')).toBe(0);
    expect(await database.metric('database_reads_total{node="primary"}')).toBe(1);
  });

  it('end a transaction that never ends', async () => {
    const database = await start({ DATABASE_TRANSACTION_TIMEOUT_MS: '200' });
    const endless = database.service.sqlTransaction(async (transaction) => {
      for (;;) await transaction.query('SELECT pg_sleep(0.02)');
    });
    await expect(endless).rejects.toThrow('the transaction has exceeded its deadline');
    await database.write('SELECT 1');
  });
});

function through(direct: string, proxy: TcpProxy | undefined): string {
  const url = new URL(direct);
  url.host = `127.0.0.1:${String(proxy?.port)}`;
  return url.href;
}
