import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { newId } from '../../src/common/ids.js';
import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { DatabaseUnderTest } from '../support/database-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { type PgBouncer, startPgBouncer } from '../support/services/pgbouncer.js';
import { getSharedServices } from '../support/services/shared-services.js';
import { query } from '../support/services/test-database.js';
import { ADDRESS, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const PROCESSES = 3;
const ORDERS = 300;
/** Fewer than the connections of one process: transactions of all of them share each server connection. */
const SERVER_CONNECTIONS = 4;

describe('through PgBouncer in transaction mode', () => {
  let services: TestServices;
  let bouncer: PgBouncer;
  let entries: { url: string; replicaUrls: string[] };

  beforeAll(async () => {
    services = await startTestServices();
    const { directory, runDir } = getSharedServices();
    bouncer = await startPgBouncer({
      directory: join(directory, `pgbouncer-${randomBytes(6).toString('hex')}`),
      runDir,
      servers: [services.databaseUrl, services.replicaUrl],
      poolSize: SERVER_CONNECTIONS,
    });
    const [url = '', ...replicaUrls] = bouncer.urls;
    entries = { url, replicaUrls };
  });

  afterAll(async () => {
    await bouncer.stop();
    await services.close();
  });

  it('three processes place orders in group commits and show each buyer what was written', async () => {
    const environment = testEnvironment({
      databaseUrl: entries.url,
      replicaUrl: entries.replicaUrls[0] ?? '',
      redis: services.redis,
    });
    const processes = await Promise.all(
      Array.from({ length: PROCESSES }, () => AppProcess.start(environment)),
    );
    const shop = new Shop(services.databaseUrl);
    try {
      const clients = processes.map(({ url }) => new ApiClient(url));
      const buyers = await shop.createBuyers(ORDERS);
      const variantId = await shop.createVariant(ORDERS / 2);
      await services.waitForReplica();
      const outcomes = await Promise.all(
        buyers.map(async ({ token }, index) => {
          const [writer, reader] = [clients[index % PROCESSES], clients[(index + 1) % PROCESSES]];
          const placed = await writer?.post('/api/v1/orders', {
            token,
            key: newId(),
            body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
          });
          if (placed?.status !== 201) return placed?.status;
          const shown = await reader?.get(`/api/v1/orders/${String(placed.body['id'])}`, { token });
          return shown?.body['id'] === placed.body['id']
            ? 'placed and shown'
            : `stale ${String(shown?.status)}`;
        }),
      );
      const count = (outcome: string | number) => outcomes.filter((each) => each === outcome).length;
      expect({ shown: count('placed and shown'), refused: count(409) }).toEqual({
        shown: ORDERS / 2,
        refused: ORDERS / 2,
      });
      expect(await shop.stockOf(variantId)).toEqual({ onHand: ORDERS / 2, reserved: ORDERS / 2 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: ORDERS / 2, reserved: ORDERS / 2 });
      // Whether those reads came from the replica depended on how far it was; by now it has everything.
      await services.waitForReplica();
      for (const [index, each] of processes.entries())
        await waitFor('a read on the replica', async () => {
          await clients[index]?.get('/api/v1/orders', { token: buyers[0]?.token ?? '' });
          return (await each.metric('database_reads_total{node="replica"}')) > 0;
        });
      const [row] = await query(services.superuserUrl, [
        `SELECT count(*)::integer AS count FROM pg_stat_activity
          WHERE datname = current_database() AND application_name LIKE 'caudal-%'`,
      ]);
      expect(row?.['count']).toBeGreaterThan(0);
      expect(row?.['count']).toBeLessThanOrEqual(SERVER_CONNECTIONS);
    } finally {
      await Promise.all(processes.map((each) => each.stop()));
      await shop.close();
    }
  });

  it('a statement ends at its deadline, which is not left behind for whoever comes next', async () => {
    const database = await DatabaseUnderTest.open(entries, { DATABASE_STATEMENT_TIMEOUT_MS: '300' });
    try {
      const startMs = performance.now();
      await expect(database.write('SELECT pg_sleep(20)')).rejects.toMatchObject({ code: '57014' });
      expect(performance.now() - startMs).toBeLessThan(2000);
      for (let index = 0; index < 2 * SERVER_CONNECTIONS; index += 1) {
        const rows = await database.service.write.$queryRawUnsafe('SHOW statement_timeout');
        expect(rows).toEqual([{ statement_timeout: '1min' }]);
      }
    } finally {
      await database.close();
    }
  });

  it('what is pipelined behind a COMMIT is answered to its own sender', async () => {
    // How long one of two hundred waits for a connection depends on the machine, and is not the point here.
    const patience = { DATABASE_ACQUIRE_TIMEOUT_MS: '30000' };
    const databases = await Promise.all([0, 1, 2].map(() => DatabaseUnderTest.open(entries, patience)));
    try {
      await Promise.all(
        databases.flatMap(({ service }, process) =>
          Array.from({ length: 200 }, async (_, index) => {
            const mine = process * 1000 + index;
            const { result, position } = await service.sqlTransactionAfter(
              (transaction) => transaction.query<{ a: number }>('SELECT $1::int AS a', [mine]),
              async (transaction, [seen]) => {
                const [first, second] = await Promise.all([
                  transaction.query<{ b: number }>('SELECT $1::int AS b', [mine + 1]),
                  transaction.query<{ c: number }>('SELECT $1::int AS c', [mine + 2]),
                ]);
                return [seen?.a, first[0]?.b, second[0]?.c];
              },
            );
            expect(result).toEqual([mine, mine + 1, mine + 2]);
            expect(position).toBeGreaterThan(0n);
          }),
        ),
      );
    } finally {
      await Promise.all(databases.map((each) => each.close()));
    }
  });
});
