import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

describe('a shop that has no price yet', () => {
  let services: TestServices;
  let app: AppUnderTest;
  let api: ApiClient;
  let shop: Shop;

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({ services });
    api = new ApiClient(app.url);
    shop = new Shop(services.databaseUrl);
  });

  afterAll(async () => {
    await shop.close();
    await app.close();
    await services.close();
  });

  const answerTo = async (path: string): Promise<unknown[]> => {
    const { status, body } = await api.get(`/api/v1${path}`);
    return [status, (body['code'] as string | undefined) ?? body];
  };

  it('lists nothing in its own currency, named or not, and with any filter', async () => {
    const nothing = [200, { items: [], nextCursor: null }];
    for (const query of ['', '?currency=USD', '?q=lamp&sort=relevance', '?inStock=true', '?maxPrice=5'])
      expect(await answerTo(`/products${query}`)).toEqual(nothing);
    expect(await answerTo('/categories')).toEqual(nothing);
  });

  it('does not sell in a currency that it has no price in', async () => {
    expect(await answerTo('/products?currency=XTS')).toEqual([422, 'CURRENCY_NOT_SUPPORTED']);
  });

  it('shows a product without a price by its name, and lists the first one that has one', async () => {
    const { token } = await shop.createBuyer('admin');
    const create = (slug: string, prices: unknown[]) =>
      api.post('/api/v1/admin/products', {
        token,
        body: { slug, name: slug, variants: [{ sku: slug, prices }] },
      });
    expect((await create('priceless', [])).status).toBe(201);
    await waitFor('the product', async () => (await api.get('/api/v1/products/priceless')).status === 200);
    const { body } = await api.get('/api/v1/products/priceless');
    expect(body['variants']).toMatchObject([{ sku: 'priceless', price: null }]);
    expect(await answerTo('/products')).toEqual([200, { items: [], nextCursor: null }]);

    expect((await create('first', [{ amount: 1, currency: 'USD' }])).status).toBe(201);
    await waitFor('the list', async () => (await api.get('/api/v1/products')).text.includes('"first"'));
    expect(await answerTo('/products?currency=XTS')).toEqual([422, 'CURRENCY_NOT_SUPPORTED']);
  });
});
