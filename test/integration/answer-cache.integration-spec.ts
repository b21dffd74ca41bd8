import { Redis as RedisClient } from 'ioredis';
import { type ApiAnswer, ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const SEEN_WITHIN_MS = 1000;

interface Shown {
  readonly id: string;
  readonly variants: readonly [
    { readonly id: string; readonly price: { readonly amount: number }; readonly available: number },
  ];
}
const itemsOf = ({ body }: ApiAnswer): Shown[] => body['items'] as Shown[];
const productOf = ({ body }: ApiAnswer): Shown => body as unknown as Shown;

/** Several applications on one PostgreSQL with a replica and one Redis, like pods of a fleet. */
describe('cached answers of the catalogue', () => {
  let services: TestServices;
  let shop: Shop;
  let admin: Buyer;
  const apps: AppUnderTest[] = [];
  const start = async (env: Record<string, string> = {}): Promise<ApiClient> => {
    const app = await startApp({ services, env });
    apps.push(app);
    return new ApiClient(app.url);
  };
  let first: ApiClient;
  let second: ApiClient;
  let serial = 0;

  const createProduct = async (amount: number): Promise<{ slug: string; id: string; variantId: string }> => {
    serial += 1;
    const slug = `cached-${String(serial)}`;
    const created = await first.post('/api/v1/admin/products', {
      token: admin.token,
      body: { slug, name: slug, variants: [{ sku: slug, prices: [{ amount, currency: 'USD' }] }] },
    });
    if (created.status !== 201) throw new Error(created.text);
    const { id, variants } = productOf(created);
    return { slug, id, variantId: variants[0].id };
  };
  const priceOn = async (api: ApiClient, slug: string): Promise<number> =>
    productOf(await api.get(`/api/v1/products/${slug}`)).variants[0].price.amount;
  const setPrice = async (variantId: string, amount: number): Promise<void> => {
    const [row] = await shop.rows<{ version: number }>(
      'SELECT p.version FROM products p JOIN variants v ON v.product_id = p.id WHERE v.id = $1',
      [variantId],
    );
    const { status, text } = await first.request('PATCH', `/api/v1/admin/variants/${variantId}`, {
      token: admin.token,
      headers: { 'if-match': `"v${String(row?.version)}"` },
      body: { prices: [{ amount, currency: 'USD' }] },
    });
    if (status !== 200) throw new Error(text);
  };
  const replay = (state: 'pause' | 'resume') =>
    query(services.replicaSuperuserUrl, [`SELECT pg_wal_replay_${state}()`]);

  beforeAll(async () => {
    services = await startTestServices({ dedicatedPostgres: true });
    shop = new Shop(services.databaseUrl);
    // The last test takes the writer away while the pool is idle.
    shop.pool.on('error', () => undefined);
    admin = await shop.createBuyer('admin');
    [first, second] = [await start(), await start({ ROLE: 'api' })];
  });

  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await shop.close();
    await services.close();
  });

  it('show a changed price in every process within a second, in details and lists, under load', async () => {
    const { slug, variantId } = await createProduct(100);
    await waitFor('the product in both processes', async () =>
      (await Promise.all([first, second].map((api) => api.get(`/api/v1/products/${slug}`)))).every(
        ({ status }) => status === 200,
      ),
    );
    const listPrice = async (api: ApiClient): Promise<number | undefined> =>
      itemsOf(await api.get(`/api/v1/products?q=${slug}`))[0]?.variants[0].price.amount;

    for (let amount = 101; amount <= 105; amount += 1) {
      // Hot: the old answer is in memory everywhere.
      await Promise.all([first, second].map((api) => Promise.all([priceOn(api, slug), listPrice(api)])));
      await setPrice(variantId, amount);
      const committedMs = performance.now();
      for (const read of [priceOn, listPrice] as const) {
        for (const api of [first, second]) {
          await waitFor('the new price', async () => (await read(api, slug)) === amount, SEEN_WITHIN_MS);
        }
      }
      expect(performance.now() - committedMs).toBeLessThan(SEEN_WITHIN_MS);
    }
  });

  it('never show the old price again once the new one was seen, while the replica lags', async () => {
    const { slug, variantId } = await createProduct(100);
    await services.waitForReplica();
    await waitFor('the product', async () => (await second.get(`/api/v1/products/${slug}`)).status === 200);
    await replay('pause');
    try {
      await setPrice(variantId, 200);
      for (const api of [first, second])
        await waitFor('the new price', async () => (await priceOn(api, slug)) === 200, SEEN_WITHIN_MS);
      // Other keys of the same product were never asked for, and must not be filled from the replica either.
      expect(itemsOf(await first.get(`/api/v1/products?q=${slug}`))[0]?.variants[0].price.amount).toBe(200);
      // A process that starts now has missed the event, and the replica still has the old price.
      const third = await start({ ROLE: 'api' });
      await third.get('/api/v1/categories');
      await waitFor('the new price in a new process', async () => (await priceOn(third, slug)) === 200, 3000);
      for (let i = 0; i < 20; i += 1) {
        for (const api of [first, second, third]) expect(await priceOn(api, slug)).toBe(200);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const [lagging] = await query(services.replicaUrl, [
        `SELECT amount_minor::int AS amount FROM prices WHERE variant_id = '${variantId}'`,
      ]);
      expect(lagging?.['amount']).toBe(100);
    } finally {
      await replay('resume');
      await services.waitForReplica();
    }
  });

  it('show sold units within a second, and an empty shelf in the list of what is in stock', async () => {
    const { slug, id, variantId } = await createProduct(100);
    await shop.rows('INSERT INTO stock_items (variant_id, on_hand) VALUES ($1, 5)', [variantId]);
    const buyer = await shop.createBuyer();
    const availableOn = async (api: ApiClient): Promise<number> =>
      productOf(await api.get(`/api/v1/products/${slug}`)).variants[0].available;
    const isListed = async (api: ApiClient): Promise<boolean> =>
      itemsOf(await api.get('/api/v1/products?inStock=true')).some((item) => item.id === id);
    const order = async (quantity: number): Promise<void> => {
      const { status, text } = await first.post('/api/v1/orders', {
        token: buyer.token,
        key: `${slug}-${String(quantity)}`,
        body: {
          lines: [{ variantId, quantity }],
          shippingAddress: { name: 'A', line1: 'B', city: 'C', postalCode: '1', country: 'ES' },
        },
      });
      if (status !== 201) throw new Error(text);
    };
    // The stock was put there behind the product's back: no event, so only a fresh read shows it.
    await setPrice(variantId, 101);
    for (const api of [first, second]) {
      await waitFor('5 units', async () => (await availableOn(api)) === 5, 2000);
      await waitFor('the product in the list', () => isListed(api), 2000);
    }
    await order(2);
    for (const api of [first, second])
      await waitFor('3 units', async () => (await availableOn(api)) === 3, SEEN_WITHIN_MS);
    await order(3);
    for (const api of [first, second]) {
      await waitFor('no unit', async () => (await availableOn(api)) === 0, SEEN_WITHIN_MS);
      await waitFor('a list without it', async () => !(await isListed(api)), SEEN_WITHIN_MS);
    }
  });

  it('are shared: what one process has read, the others take from Redis', async () => {
    const { slug } = await createProduct(100);
    await services.waitForReplica();
    await waitFor('the product', async () => (await first.get(`/api/v1/products/${slug}`)).status === 200);
    const redis = new RedisClient(services.redis.url);
    try {
      await waitFor('an entry in Redis', async () => (await redis.keys('caudal:cache:entry:*')).length > 0);
      for (const key of await redis.keys('caudal:cache:entry:*')) {
        const ttlMs = await redis.pttl(key);
        expect(ttlMs).toBeGreaterThan(0);
        expect(ttlMs).toBeLessThanOrEqual(66_000);
      }
      // Rubbish in the cache is no error, only a miss.
      for (const key of await redis.keys('caudal:cache:entry:*'))
        await redis.set(key, 'rubbish', 'PX', 60_000);
    } finally {
      redis.disconnect();
    }
    expect((await second.get(`/api/v1/products/${slug}`)).status).toBe(200);
    expect((await second.get('/api/v1/products?limit=3')).status).toBe(200);
  });

  describe('without Redis', () => {
    it('are still given, a second old at most, and are shared and invalidated again when it is back', async () => {
      const { slug, variantId } = await createProduct(100);
      await waitFor('the product', async () => (await second.get(`/api/v1/products/${slug}`)).status === 200);
      services.redis.kill();
      await services.redis.waitForExit();
      expect(await priceOn(second, slug)).toBe(100);
      await waitFor('the reader to notice', async () => {
        await shop.rows('UPDATE prices SET amount_minor = amount_minor + 1 WHERE variant_id = $1', [
          variantId,
        ]);
        const [row] = await shop.rows<{ amount: number }>(
          'SELECT amount_minor::int AS amount FROM prices WHERE variant_id = $1',
          [variantId],
        );
        await services.waitForReplica();
        const deadline = performance.now() + SEEN_WITHIN_MS + 100;
        while (performance.now() < deadline) {
          if ((await priceOn(second, slug)) === row?.amount) return true;
        }
        return false;
      });

      await services.redis.restart();
      await waitFor(
        'a price that comes with an event',
        async () => {
          await setPrice(variantId, 777);
          const deadline = performance.now() + SEEN_WITHIN_MS;
          while (performance.now() < deadline) if ((await priceOn(second, slug)) === 777) return true;
          return false;
        },
        20_000,
      );
    });

    it('that hangs costs a reader a moment and never an error', async () => {
      const { slug } = await createProduct(100);
      await waitFor('the product', async () => (await second.get(`/api/v1/products/${slug}`)).status === 200);
      services.redis.kill('SIGSTOP');
      try {
        for (let i = 0; i < 10; i += 1) {
          const answers = await Promise.all([
            second.get(`/api/v1/products/${slug}`),
            second.get(`/api/v1/products?limit=${String(10 + i)}`),
          ]);
          expect(answers.map(({ status }) => status)).toEqual([200, 200]);
        }
      } finally {
        services.redis.kill('SIGCONT');
      }
    });
  });

  it('are given from a replica and from memory when the writer is gone', async () => {
    const { slug } = await createProduct(100);
    await services.waitForReplica();
    await waitFor('the product', async () => (await second.get(`/api/v1/products/${slug}`)).status === 200);
    services.postgres?.primary.kill();
    await services.postgres?.primary.waitForExit();
    try {
      for (const path of [
        `/api/v1/products/${slug}`,
        '/api/v1/products?limit=17&sort=name',
        '/api/v1/categories',
      ])
        expect((await second.get(path)).status).toBe(200);
    } finally {
      await services.postgres?.primary.start();
    }
  });
});
