import { type ApiRequest } from '../support/api-client.js';
import type { Fleet } from '../support/fleet.js';
import { signalFamily } from '../support/freeze.js';
import { orderOf } from '../support/impatient-client.js';
import { type Postgres, startTestServices, type TestServices } from '../support/services/index.js';
import type { Buyer, Shop } from '../support/shop.builder.js';
import { DEADLINE_MS, PROCESSES, RECOVERY_DEADLINE_MS, ShopFleet } from '../support/shop-fleet.js';
import { expectProblem, newEmail, PASSWORD } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';

/** The degradation table's rows of PostgreSQL, on a fleet of real processes; the others are in degradation.e2e-spec.ts. */
describe('a fleet whose PostgreSQL', () => {
  let services: TestServices;
  let postgres: Postgres;
  let degraded: ShopFleet;
  let fleet: Fleet;
  let shop: Shop;
  let buyer: Buyer;

  const api = (turn: number) => degraded.at(turn);
  const everywhere = () => degraded.everywhere();
  const readsOf = (node: 'replica' | 'primary') => fleet.sum(`database_reads_total{node="${node}"}`);
  const replicaOf = ({ replicas: [replica] }: Postgres) => {
    if (replica === undefined) throw new Error('there is no replica');
    return replica;
  };
  const read = async (turn: number) => {
    expect((await api(turn).get(ORDERS, { token: buyer.token })).status).toBe(200);
  };
  const readInTurns = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) await read(turn);
  };

  beforeAll(async () => {
    services = await startTestServices({ dedicatedPostgres: true });
    if (services.postgres === undefined) throw new Error('there is no PostgreSQL of its own');
    ({ postgres } = services);
    degraded = await ShopFleet.start(services, { DATABASE_REPLICA_PROBE_MS: '2000' });
    ({ fleet, shop } = degraded);
  }, DEADLINE_MS);

  beforeEach(async () => {
    buyer = await degraded.recover();
    await fleet.waitForMetric('database_replicas_ejected', (count) => count === 0);
  }, DEADLINE_MS);

  afterAll(() => degraded.close());

  it(
    'loses its replica: reads go to the primary without one that fails, and come back',
    async () => {
      const replica = replicaOf(postgres);
      const variantId = await shop.createVariant(5);
      await services.waitForReplica();
      let isOver = false;
      const answers = new Set<number>();
      const readers = Promise.all(
        fleet.processes.map(async (_, turn) => {
          while (!isOver) answers.add((await api(turn).get(ORDERS, { token: buyer.token })).status);
        }),
      );
      try {
        await waitFor('reads on the replica', async () => (await readsOf('replica')) > 50);
        const onPrimary = await readsOf('primary');
        replica.kill();
        await replica.waitForExit();
        await waitFor('reads on the primary', async () => (await readsOf('primary')) > onPrimary + 50);
        for (const client of everywhere()) {
          expect((await client.get('/api/v1/products?limit=7')).status).toBe(200);
          expect((await client.order(buyer, variantId)).status).toBe(201);
        }
        await fleet.waitForHealth('degraded');
        await replica.start();
        await fleet.waitForMetric('database_replicas_ejected', (count) => count === 0);
        const onReplica = await readsOf('replica');
        await waitFor(
          'reads on the replica again',
          async () => (await readsOf('replica')) > onReplica + 50,
          RECOVERY_DEADLINE_MS,
        );
      } finally {
        isOver = true;
        await readers;
      }
      expect([...answers]).toEqual([200]);
    },
    DEADLINE_MS,
  );

  it(
    'has a replica that hangs: it costs the reads in flight a deadline and nobody after them',
    async () => {
      const replica = replicaOf(postgres);
      await waitFor('reads on the replica', async () => {
        const before = await readsOf('replica');
        await readInTurns(PROCESSES);
        return (await readsOf('replica')) > before;
      });
      const ejections = await fleet.metrics('database_ejections_total{replica="0"}');
      // Its connections have processes of their own, and the postmaster would serve new ones.
      signalFamily(replica.pid, 'SIGSTOP');
      try {
        // More than the pools have connections: some wait for one.
        await Promise.all(Array.from({ length: 15 * PROCESSES }, (_, turn) => read(turn)));
        await fleet.waitForMetric('database_replicas_ejected', (count) => count === 1);
        const [sent, onPrimary] = [
          await fleet.sum('database_statements_total{pool="read"}'),
          await readsOf('primary'),
        ];
        await readInTurns(100);
        await fleet.waitForMetric(
          'database_probes_total{replica="0",outcome="failed"}',
          (failures) => failures >= 2,
        );
        await readInTurns(100);
        expect(await fleet.sum('database_statements_total{pool="read"}')).toBe(sent);
        expect(await readsOf('primary')).toBe(onPrimary + 200);
        expect(await fleet.metrics('database_ejections_total{replica="0"}')).toEqual(
          ejections.map((count) => count + 1),
        );
        await fleet.waitForHealth('degraded');
      } finally {
        signalFamily(replica.pid, 'SIGCONT');
      }
      const before = await fleet.metrics('database_reads_total{node="replica"}');
      await waitFor(
        'reads on the replica again, by every process',
        async () => {
          await readInTurns(PROCESSES);
          const now = await fleet.metrics('database_reads_total{node="replica"}');
          return now.every((count, index) => count > (before[index] ?? 0));
        },
        RECOVERY_DEADLINE_MS,
      );
      await fleet.waitForMetric('database_replicas_ejected', (count) => count === 0);
      await fleet.waitForHealth();
    },
    DEADLINE_MS,
  );

  it(
    'has a primary that hangs: nobody waits longer than the deadlines, and orders go on afterwards',
    async () => {
      const { primary } = postgres;
      const variantId = await shop.createVariant(5);
      await services.waitForReplica();
      const backends = await shop.rows<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name LIKE 'caudal-%'",
      );
      // The postmaster as well, or it would serve new connections; not the one that feeds the replica.
      const stopped = [primary.pid, ...backends.map(({ pid }) => pid)];
      expect(stopped.length).toBeGreaterThan(PROCESSES);
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      try {
        const orders = await Promise.all(
          everywhere().map((client) => client.order(buyer, variantId, 'hung')),
        );
        for (const order of orders) expectProblem(order, 503, 'DATABASE_UNAVAILABLE');
        expect(await fleet.statusesOf('/api/v1/products?limit=7')).toEqual([200, 200, 200]);
        expect(await fleet.statusesOf('/health/ready')).toEqual([200, 200, 200]);
      } finally {
        for (const pid of stopped) process.kill(pid, 'SIGCONT');
      }
      for (const client of everywhere())
        await waitFor(
          'orders to be taken again',
          async () => (await client.order(buyer, variantId, 'hung')).status === 201,
          RECOVERY_DEADLINE_MS,
        );
      // One key, whatever became of the attempts: one order.
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
      expect(await shop.unitsIn(variantId, 'pending_payment')).toBe(1);
    },
    DEADLINE_MS,
  );

  it(
    'loses its primary: the catalogue is answered, writes are refused, and both work again without a restart',
    async () => {
      const { primary } = postgres;
      const [admin, stranger] = [await shop.createBuyer('admin'), await shop.createBuyer()];
      const variantId = await shop.createVariant(5);
      const [{ slug } = { slug: '' }] = await shop.rows<{ slug: string }>(
        'SELECT slug FROM products JOIN variants v ON v.product_id = products.id WHERE v.id = $1',
        [variantId],
      );
      await services.waitForReplica();
      const before = await api(0).order(buyer, variantId, 'before');
      expect(before.status).toBe(201);

      primary.kill();
      await primary.waitForExit();
      const { token } = buyer;
      const placed = `${ORDERS}/${String(before.body['id'])}`;
      const payment = { provider: 'test', token: 'tok_success' };
      const writes: [string, string, ApiRequest][] = [
        ['POST', ORDERS, { token, key: 'refused', body: orderOf(variantId) }],
        ['POST', ORDERS, { token, key: 'before', body: orderOf(variantId) }],
        ['POST', `${placed}/cancel`, { token }],
        ['POST', `${placed}/payments`, { token, key: 'pay', body: payment }],
        ['POST', '/api/v1/cart/lines', { token, body: { variantId, quantity: 1 } }],
        [
          'PUT',
          `/api/v1/admin/stock/${variantId}`,
          { token: admin.token, headers: { 'if-match': '"v1"' }, body: { onHand: 9 } },
        ],
        ['POST', '/api/v1/auth/register', { body: { email: newEmail(), password: PASSWORD, name: 'New' } }],
      ];
      for (const client of everywhere()) {
        for (const path of ['products?limit=7', 'products?inStock=true', `products/${slug}`, 'categories'])
          expect([path, (await client.get(`/api/v1/${path}`)).status]).toEqual([path, 200]);
        for (const [method, path, request] of writes) {
          const answer = await client.request(method, path, request);
          expectProblem(answer, 503, 'DATABASE_UNAVAILABLE');
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        }
        // Somebody who has written nothing: any replica will do.
        expect((await client.get(ORDERS, { token: stranger.token })).status).toBe(200);
      }
      expect(await fleet.statusesOf('/health/ready')).toEqual([200, 200, 200]);

      await primary.start();
      for (const client of everywhere()) {
        await waitFor(
          'writes to be taken again',
          async () => (await client.order(buyer, variantId, 'refused')).status === 201,
          RECOVERY_DEADLINE_MS,
        );
        expect((await client.order(buyer, variantId, 'before')).text).toBe(before.text);
      }
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
    },
    DEADLINE_MS,
  );
});
