import { newId } from '../../src/common/ids.js';
import { AdmissionLedger } from '../../src/core/admission/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { type ApiAnswer, ApiClient, type ApiRequest } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { type Redis, startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import {
  expectProblem,
  newEmail,
  PASSWORD,
  SignInClient,
  waitForSessionStore,
} from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';
const RECOVERY_DEADLINE_MS = 20_000;
/** The sum of the deadlines on any path, and something for a machine that does other things as well. */
const ANSWER_DEADLINE_MS = 4000;
const DEADLINES = {
  REDIS_COMMAND_TIMEOUT_MS: '200',
  DATABASE_ACQUIRE_TIMEOUT_MS: '1000',
  DATABASE_STATEMENT_TIMEOUT_MS: '1000',
};

const orderBody = (variantId: string) => ({
  lines: [{ variantId, quantity: 1 }],
  shippingAddress: ADDRESS,
});

/** A client that measures: no request may hang longer than the deadlines allow. */
class ImpatientClient extends ApiClient {
  override async request(method: string, path: string, request?: ApiRequest): Promise<ApiAnswer> {
    const startMs = performance.now();
    const answer = await super.request(method, path, request);
    const tookMs = performance.now() - startMs;
    if (tookMs > ANSWER_DEADLINE_MS)
      throw new Error(`${method} ${path} took ${String(Math.round(tookMs))} ms`);
    return answer;
  }

  order(buyer: Buyer, variantId: string, key: string = newId()): Promise<ApiAnswer> {
    return this.post(ORDERS, {
      token: buyer.token,
      key,
      body: orderBody(variantId),
    });
  }
}

/** Each cell of the degradation table: what still works, what is answered, and that it comes back by itself. */
describe('with a dependency lost', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let api: ImpatientClient;
  let shop: Shop;
  let buyer: Buyer;

  async function begin(options: {
    dedicatedPostgres?: boolean;
    env?: (services: TestServices) => Promise<Record<string, string>>;
  }): Promise<void> {
    services = await startTestServices({ dedicatedPostgres: options.dedicatedPostgres ?? false });
    application = await startApp({ services, env: { ...DEADLINES, ...(await options.env?.(services)) } });
    api = new ImpatientClient(application.url);
    shop = new Shop(services.databaseUrl);
    buyer = await shop.createBuyer();
    await waitForHealth();
  }

  async function end(): Promise<void> {
    await shop.close();
    await application.close();
    await services.close();
  }

  /** The report is up to a second old, and a dependency counts as lost after two failures in a row. */
  const waitForHealth = (status: 'ok' | 'degraded' | 'error' = 'ok') =>
    waitFor(
      `the health report to say ${status}`,
      async () => {
        const answer = await fetch(`${application.url}/health`);
        const body = (await answer.json()) as { status: string };
        expect(answer.status).toBe(body.status === 'error' ? 503 : 200);
        return body.status === status;
      },
      RECOVERY_DEADLINE_MS,
    );

  async function readsOf(node: 'replica' | 'primary'): Promise<number> {
    const text = await application.app.get(Metrics).registry.metrics();
    return Number(new RegExp(`^database_reads_total{node="${node}"} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  }

  const losses: [string, (redis: Redis) => Promise<void>, (redis: Redis) => Promise<void>][] = [
    [
      'is dead',
      async (redis) => {
        redis.kill();
        await redis.waitForExit();
      },
      (redis) => redis.restart(),
    ],
    [
      'hangs',
      (redis) => {
        redis.kill('SIGSTOP');
        return Promise.resolve();
      },
      (redis) => {
        redis.kill('SIGCONT');
        return Promise.resolve();
      },
    ],
  ];

  describe.each(losses)('when the main Redis %s', (_what, lose, restore) => {
    beforeAll(() => begin({}));
    afterAll(end);

    it('the shop sells on, refuses what is sold out, keeps its word to retries, and recovers', async () => {
      const [variantId, lastUnit] = [await shop.createVariant(10), await shop.createVariant(1)];
      const rival = await shop.createBuyer();
      await services.waitForReplica();
      const before = await api.order(buyer, variantId, 'before');
      const last = await api.order(buyer, lastUnit, 'last');
      expect([before.status, last.status]).toEqual([201, 201]);
      expect((await api.order(rival, lastUnit)).status).toBe(409);

      await lose(services.redis);
      expect((await api.get('/api/v1/products?limit=7')).status).toBe(200);
      const during = await api.order(buyer, variantId, 'during');
      expect(during.status).toBe(201);
      expect((await api.order(buyer, variantId, 'before')).text).toBe(before.text);
      expectProblem(await api.order(rival, lastUnit), 409, 'ORDER_OUT_OF_STOCK');
      expect((await api.order(buyer, lastUnit, 'last')).text).toBe(last.text);
      const orderPath = `${ORDERS}/${String(during.body['id'])}`;
      expect((await api.get(orderPath, { token: buyer.token })).status).toBe(200);
      expect((await api.get(ORDERS, { token: buyer.token })).body['items']).toHaveLength(3);
      const payment = await api.post(`${orderPath}/payments`, {
        token: buyer.token,
        key: newId(),
        body: { provider: 'test', token: 'tok_success' },
      });
      expect([payment.status, payment.body['orderStatus']]).toEqual([201, 'paid']);
      const cart = { token: buyer.token, body: { variantId, quantity: 2 } };
      expect((await api.post('/api/v1/cart/lines', cart)).status).toBe(201);
      expect((await fetch(`${application.url}/health/ready`)).status).toBe(200);
      await waitForHealth('error');

      await restore(services.redis);
      await waitForHealth();
      await waitFor(
        'quick refusals to be trusted again',
        () => application.app.get(AdmissionLedger).isKnownNew('0'.repeat(32)),
        RECOVERY_DEADLINE_MS,
      );
      expectProblem(await api.order(rival, lastUnit), 409, 'ORDER_OUT_OF_STOCK');
      for (const [key, variant, answer] of [
        ['before', variantId, before],
        ['last', lastUnit, last],
        ['during', variantId, during],
      ] as const) {
        expect((await api.order(buyer, variant, key)).text).toBe(answer.text);
      }
      expect((await api.order(buyer, variantId)).status).toBe(201);
      expect(await shop.ledgerOf(variantId)).toEqual(await shop.stockOf(variantId));
    });
  });

  describe.each(losses)('when the session store %s', (_what, lose, restore) => {
    let store: Redis;

    beforeAll(() =>
      begin({
        env: async () => {
          store = await services.startAnotherRedis();
          return { REDIS_SESSION_URL: store.url };
        },
      }),
    );
    afterAll(end);

    it('nobody signs in or refreshes, and whoever is signed in goes on shopping', async () => {
      await waitForSessionStore(application.url);
      const client = new SignInClient(application.url);
      const email = newEmail();
      const { accessToken } = await client.register(email);
      const variantId = await shop.createVariant(5);
      await services.waitForReplica();

      await lose(store);
      const refusals = [
        await client.logIn(email),
        await client.refresh(),
        await client.post('/api/v1/auth/register', {
          body: { email: newEmail(), password: PASSWORD, name: 'New' },
        }),
      ];
      for (const answer of refusals) {
        expectProblem(answer, 503, 'SESSION_STORE_UNAVAILABLE');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      }
      expect((await client.me(accessToken)).status).toBe(200);
      expect((await api.get('/api/v1/products?limit=7')).status).toBe(200);
      expect((await api.order({ userId: '', token: accessToken }, variantId)).status).toBe(201);

      await restore(store);
      await waitForSessionStore(application.url);
      expect((await client.logIn(email)).status).toBe(200);
    });
  });

  describe('when the replica dies', () => {
    beforeAll(() => begin({ dedicatedPostgres: true }));
    afterAll(end);

    it('its reads go to the primary without one that fails, and come back', async () => {
      const replica = services.postgres?.replicas[0];
      if (replica === undefined) throw new Error('there is no replica');
      const variantId = await shop.createVariant(5);
      await services.waitForReplica();
      let isOver = false;
      const answers = new Map<number, number>();
      const count = (status: number) => answers.set(status, (answers.get(status) ?? 0) + 1);
      const readers = Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!isOver) count((await api.get(ORDERS, { token: buyer.token })).status);
        }),
      );
      try {
        await waitFor('reads on the replica', async () => (await readsOf('replica')) > 50);
        const onPrimary = await readsOf('primary');
        replica.kill();
        await replica.waitForExit();
        await waitFor('reads on the primary', async () => (await readsOf('primary')) > onPrimary + 50);
        expect((await api.get('/api/v1/products?limit=7')).status).toBe(200);
        expect((await api.order(buyer, variantId)).status).toBe(201);
        await replica.start();
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
      expect([...answers.keys()]).toEqual([200]);
    });
  });

  describe('when the replica hangs', () => {
    beforeAll(() => begin({ dedicatedPostgres: true }));
    afterAll(end);

    const metric = async (series: string): Promise<number> => {
      const text = await application.app.get(Metrics).registry.metrics();
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length) ?? 0,
      );
    };
    const read = async () => {
      expect((await api.get(ORDERS, { token: buyer.token })).status).toBe(200);
    };

    it('it costs the reads in flight a deadline and nobody after them, and is read again when it goes on', async () => {
      const replica = services.postgres?.replicas[0];
      if (replica === undefined) throw new Error('there is no replica');
      await services.waitForReplica();
      await Promise.all(Array.from({ length: 6 }, read));
      expect(await readsOf('replica')).toBeGreaterThan(0);
      const backends = await query(services.replicaSuperuserUrl, [
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      ]);
      // The postmaster as well, or it would serve new connections.
      const stopped = [replica.pid, ...backends.map(({ pid }) => Number(pid))];
      expect(stopped.length).toBeGreaterThan(1);
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      try {
        // More than the pool has connections: some wait for one.
        await Promise.all(Array.from({ length: 25 }, read));
        const [sent, onPrimary] = [
          await metric('database_statements_total{pool="read"}'),
          await readsOf('primary'),
        ];
        for (let index = 0; index < 100; index += 1) await read();
        await waitFor(
          'two probes that failed',
          async () => (await metric('database_probes_total{replica="0",outcome="failed"}')) >= 2,
        );
        for (let index = 0; index < 100; index += 1) await read();
        expect(await metric('database_statements_total{pool="read"}')).toBe(sent);
        expect(await readsOf('primary')).toBe(onPrimary + 200);
        expect(await metric('database_ejections_total{replica="0"}')).toBe(1);
        expect(await metric('database_replicas_ejected')).toBe(1);
        await waitForHealth('degraded');
      } finally {
        for (const pid of stopped) process.kill(pid, 'SIGCONT');
      }
      const onReplica = await readsOf('replica');
      await waitFor(
        'reads on the replica again',
        async () => {
          await read();
          return (await readsOf('replica')) > onReplica;
        },
        RECOVERY_DEADLINE_MS,
      );
      expect(await metric('database_replicas_ejected')).toBe(0);
      await waitForHealth();
    });
  });

  describe('when the primary dies', () => {
    beforeAll(() => begin({ dedicatedPostgres: true }));
    afterAll(end);

    it('the catalogue is answered, writes are refused with 503, and both work again without a restart', async () => {
      const primary = services.postgres?.primary;
      if (primary === undefined) throw new Error('there is no primary');
      const [admin, stranger] = [await shop.createBuyer('admin'), await shop.createBuyer()];
      const variantId = await shop.createVariant(5);
      const [{ slug } = { slug: '' }] = await shop.rows<{ slug: string }>('SELECT slug FROM products');
      await services.waitForReplica();
      const before = await api.order(buyer, variantId, 'before');
      expect(before.status).toBe(201);

      primary.kill();
      await primary.waitForExit();
      for (const path of ['products?limit=7', 'products?inStock=true', `products/${slug}`, 'categories'])
        expect([path, (await api.get(`/api/v1/${path}`)).status]).toEqual([path, 200]);
      const { token } = buyer;
      const stock = `/api/v1/admin/stock/${variantId}`;
      const writes: [string, string, ApiRequest][] = [
        ['POST', ORDERS, { token, key: 'refused', body: orderBody(variantId) }],
        ['POST', ORDERS, { token, key: 'before', body: orderBody(variantId) }],
        ['POST', `${ORDERS}/${String(before.body['id'])}/cancel`, { token }],
        [
          'POST',
          `${ORDERS}/${String(before.body['id'])}/payments`,
          { token, key: 'pay', body: { provider: 'test', token: 'tok_success' } },
        ],
        ['POST', '/api/v1/cart/lines', { token, body: { variantId, quantity: 1 } }],
        ['PUT', stock, { token: admin.token, headers: { 'if-match': '"v1"' }, body: { onHand: 9 } }],
        ['POST', '/api/v1/auth/register', { body: { email: newEmail(), password: PASSWORD, name: 'New' } }],
      ];
      for (const [method, path, request] of writes) {
        const answer = await api.request(method, path, request);
        expectProblem(answer, 503, 'DATABASE_UNAVAILABLE');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      }
      // Somebody who has written nothing: any replica will do.
      expect((await api.get(ORDERS, { token: stranger.token })).status).toBe(200);
      expect((await fetch(`${application.url}/health/ready`)).status).toBe(200);

      await primary.start();
      await waitFor(
        'writes to be taken again',
        async () => (await api.order(buyer, variantId, 'refused')).status === 201,
        RECOVERY_DEADLINE_MS,
      );
      expect((await api.order(buyer, variantId, 'before')).text).toBe(before.text);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
    });
  });

  describe('when the primary hangs', () => {
    beforeAll(() => begin({ dedicatedPostgres: true }));
    afterAll(end);

    it('nobody waits longer than the deadlines, the catalogue is answered, and orders go on afterwards', async () => {
      const primary = services.postgres?.primary;
      if (primary === undefined) throw new Error('there is no primary');
      const variantId = await shop.createVariant(5);
      await services.waitForReplica();
      const backends = await shop.rows<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name LIKE 'caudal-%'",
      );
      // The postmaster as well, or it would serve new connections.
      const stopped = [primary.pid, ...backends.map(({ pid }) => pid)];
      expect(stopped.length).toBeGreaterThan(1);
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      try {
        const [order, retry, catalogue] = await Promise.all([
          api.order(buyer, variantId, 'hung'),
          api.order(buyer, variantId, 'hung-too'),
          api.get('/api/v1/products?limit=7'),
        ]);
        for (const answer of [order, retry]) expectProblem(answer, 503, 'DATABASE_UNAVAILABLE');
        expect(catalogue.status).toBe(200);
        expect((await fetch(`${application.url}/health/ready`)).status).toBe(200);
      } finally {
        for (const pid of stopped) process.kill(pid, 'SIGCONT');
      }
      await waitFor(
        'orders to be taken again',
        async () => (await api.order(buyer, variantId, 'hung')).status === 201,
        RECOVERY_DEADLINE_MS,
      );
      const { reserved } = await shop.stockOf(variantId);
      expect(await shop.unitsIn(variantId, 'pending_payment')).toBe(reserved);
    });
  });

  describe('when a statement hangs behind the lock of another session', () => {
    beforeAll(() => begin({}));
    afterAll(end);

    it('its request is refused in time, the others go on, and the same key succeeds later', async () => {
      const [stuck, free] = [await shop.createVariant(5), await shop.createVariant(5)];
      expect((await api.post('/api/v1/cart/lines', cartLine(stuck))).status).toBe(201);
      const holder = await shop.pool.connect();
      try {
        await holder.query('BEGIN');
        await holder.query('SELECT 1 FROM stock_items WHERE variant_id = $1 FOR UPDATE', [stuck]);
        await holder.query('SELECT 1 FROM carts WHERE user_id = $1 FOR UPDATE', [buyer.userId]);
        const [order, cart, catalogue] = await Promise.all([
          api.order(buyer, stuck, 'stuck'),
          api.post('/api/v1/cart/lines', cartLine(free)),
          api.get('/api/v1/products?limit=7'),
        ]);
        expectProblem(order, 503, 'DATABASE_UNAVAILABLE');
        expectProblem(cart, 503, 'DATABASE_UNAVAILABLE');
        expect(catalogue.status).toBe(200);
        expect((await api.order(buyer, free)).status).toBe(201);
      } finally {
        await holder.query('ROLLBACK');
        holder.release();
      }
      expect((await api.order(buyer, stuck, 'stuck')).status).toBe(201);
      expect((await api.post('/api/v1/cart/lines', cartLine(free))).status).toBe(201);
      expect(await shop.stockOf(stuck)).toEqual({ onHand: 5, reserved: 1 });
    });
  });

  describe('when an answer takes longer than its deadline', () => {
    beforeAll(() =>
      begin({
        env: () =>
          Promise.resolve({
            DATABASE_STATEMENT_TIMEOUT_MS: '10000',
            ORDER_DEADLINE_MS: '10000',
            REQUEST_DEADLINE_MS: '300',
          }),
      }),
    );
    afterAll(end);

    it('the client gets 503, the work goes on, and the same key tells what came of it', async () => {
      const variantId = await shop.createVariant(5);
      const holder = await shop.pool.connect();
      try {
        await holder.query('BEGIN');
        await holder.query('SELECT 1 FROM stock_items WHERE variant_id = $1 FOR UPDATE', [variantId]);
        const answer = await api.order(buyer, variantId, 'overdue');
        expectProblem(answer, 503, 'REQUEST_DEADLINE_EXCEEDED');
        expect(answer.headers.get('retry-after')).toBe('1');
      } finally {
        await holder.query('COMMIT');
        holder.release();
      }
      await waitFor('the order to be placed behind that answer', async () => {
        const { reserved } = await shop.stockOf(variantId);
        return reserved === 1;
      });
      const retry = await api.order(buyer, variantId, 'overdue');
      expect([retry.status, retry.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
      expect(await application.app.get(Metrics).registry.metrics()).toContain(
        'http_deadlines_exceeded_total{method="POST",route="/api/v1/orders"} 1',
      );
    });
  });

  const cartLine = (variantId: string): ApiRequest => ({
    token: buyer.token,
    body: { variantId, quantity: 1 },
  });
});
