import { gunzipSync } from 'node:zlib';
import { request as httpRequest } from 'node:http';
import { CatalogWriter, type ProductInput } from '../../src/modules/catalog/index.js';
import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';

interface Listed {
  id: string;
  slug: string;
  name: string;
  variants: { price: { amount: number; currency: string } | null; available: number }[];
}

const pointerOf = (body: Record<string, unknown>): string | undefined =>
  (body['errors'] as { pointer: string }[])[0]?.pointer;

const CATEGORIES = [
  { slug: 'home', name: 'Home', position: 1 },
  { slug: 'kitchen', name: 'Kitchen', parentSlug: 'home', position: 1 },
  { slug: 'coffee', name: 'Coffee', parentSlug: 'kitchen' },
  { slug: 'garden', name: 'Garden', position: 2 },
];

/** Prices and names repeat, so that only the id tells neighbours apart. */
const productInputs = (from: number, count: number): ProductInput[] =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const amount = 1000 + (n % 7) * 500;
    return {
      slug: `thing-${String(n)}`,
      name: n % 5 === 0 ? 'Plain thing' : `Thing number ${String(n % 11)}`,
      description: n % 3 === 0 ? 'Makes espresso and more espresso' : 'Waters flowers',
      categorySlug: ['home', 'kitchen', 'coffee', 'garden'][n % 4]!,
      variants: [
        {
          sku: `T-${String(n)}-A`,
          options: { Color: 'Black' },
          prices: [
            { amount, currency: 'USD' },
            ...(n % 2 === 0 ? [{ amount: amount - 100, currency: 'EUR' }] : []),
          ],
        },
        {
          sku: `T-${String(n)}-B`,
          options: { Color: 'White' },
          prices: [{ amount: amount + 2000, currency: 'USD' }],
        },
      ],
    };
  });

describe('the catalogue', () => {
  let services: TestServices;
  let app: AppUnderTest;
  let api: ApiClient;
  let shop: Shop;
  let writer: CatalogWriter;

  const list = async (query: string): Promise<{ items: Listed[]; nextCursor: string | null }> => {
    const { status, body, text } = await api.get(`/api/v1/products?${query}`);
    if (status !== 200) throw new Error(text);
    return body as { items: Listed[]; nextCursor: string | null };
  };
  const walk = async (query: string, between?: () => Promise<void>): Promise<Listed[]> => {
    const found: Listed[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await list(`${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...page.items);
      cursor = page.nextCursor;
      await between?.();
    }
    return found;
  };
  const codeOf = async (path: string): Promise<string> => {
    const { status, body } = await api.get(path);
    return `${String(status)} ${String(body['code'])}`;
  };
  const slugsOf = (items: readonly Listed[]): string[] => items.map(({ slug }) => slug).sort();

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({ services });
    api = new ApiClient(app.url);
    shop = new Shop(services.databaseUrl);
    writer = app.app.get(CatalogWriter);
    await writer.upsertCategories(CATEGORIES);
    await writer.upsertProducts(productInputs(0, 60));
    await shop.rows(
      "INSERT INTO stock_items (variant_id, on_hand) SELECT id, 3 FROM variants WHERE sku ~ '^T-(1|2|3|4)-A$'",
    );
    await services.waitForReplica();
  });

  afterAll(async () => {
    await shop.close();
    await app.close();
    await services.close();
  });

  describe('lists', () => {
    it('show products in the documented shape', async () => {
      const { items } = await list('q=number&limit=1');
      expect(items).toEqual([
        {
          id: expect.any(String) as string,
          slug: expect.any(String) as string,
          name: expect.stringContaining('number') as string,
          description: expect.any(String) as string,
          categoryId: expect.any(String) as string,
          variants: [
            {
              id: expect.any(String) as string,
              sku: expect.any(String) as string,
              options: { Color: 'Black' },
              price: { amount: expect.any(Number) as number, currency: 'USD' },
              available: 0,
            },
            expect.objectContaining({ options: { Color: 'White' } }) as object,
          ],
        },
      ]);
    });

    it('have 24 items unless told, and 100 at most', async () => {
      expect((await list('')).items).toHaveLength(24);
      expect((await list('limit=60')).items).toHaveLength(60);
      expect(await codeOf('/api/v1/products?limit=101')).toBe('400 VALIDATION_FAILED');
    });

    it.each(['newest', 'price', '-price', 'name', 'relevance'])(
      'sorted by %s show every product exactly once, in order, while others are inserted',
      async (sort) => {
        const before = slugsOf(await walk(`limit=100&q=thing`));
        let next = 1000 + ['newest', 'price', '-price', 'name', 'relevance'].indexOf(sort) * 100;
        const found = await walk(`limit=7&q=thing&sort=${encodeURIComponent(sort)}`, async () => {
          await writer.upsertProducts(productInputs((next += 3), 3));
        });
        const slugs = slugsOf(found);
        expect(new Set(slugs).size).toBe(slugs.length);
        expect(slugs).toEqual(expect.arrayContaining(before));

        const cheapest = ({ variants }: Listed) =>
          Math.min(...variants.map(({ price }) => price?.amount ?? Infinity));
        const isOrdered = (compare: (a: Listed, b: Listed) => boolean) =>
          found.every((product, i) => i === 0 || compare(found[i - 1]!, product));
        if (sort === 'newest') expect(isOrdered((a, b) => a.id > b.id)).toBe(true);
        if (sort === 'price') expect(isOrdered((a, b) => cheapest(a) <= cheapest(b))).toBe(true);
        if (sort === '-price') expect(isOrdered((a, b) => cheapest(a) >= cheapest(b))).toBe(true);
        if (sort === 'name') expect(isOrdered((a, b) => a.name <= b.name)).toBe(true);
      },
    );

    it('of a category hold everything below it, by slug and by id', async () => {
      const expected = (n: number) => [1, 2].includes(n % 4);
      const inKitchen = (await walk('category=kitchen&limit=100')).filter(({ slug }) =>
        /^thing-\d{1,2}$/.test(slug),
      );
      expect(inKitchen).toHaveLength(30);
      expect(inKitchen.every(({ slug }) => expected(Number(slug.slice(6))))).toBe(true);

      const { body } = await api.get('/api/v1/categories');
      const kitchen = (body['items'] as { id: string; slug: string }[]).find(
        ({ slug }) => slug === 'kitchen',
      );
      expect(slugsOf(await walk(`category=${kitchen!.id}&limit=100`))).toEqual(
        slugsOf(await walk('category=kitchen&limit=100')),
      );
      expect(await codeOf('/api/v1/products?category=nowhere')).toBe('404 CATEGORY_NOT_FOUND');
    });

    it('in another currency hold what is sold in it and show prices in it', async () => {
      const found = await walk('currency=EUR&limit=100');
      expect(found.every(({ slug }) => Number(slug.slice(6)) % 2 === 0)).toBe(true);
      for (const { variants } of found) {
        expect(variants[0]?.price?.currency).toBe('EUR');
        expect(variants[1]?.price).toBeNull();
      }
      expect(await codeOf('/api/v1/products?currency=XTS')).toBe('422 CURRENCY_NOT_SUPPORTED');
      expect(await codeOf('/api/v1/products?currency=eur')).toBe('400 VALIDATION_FAILED');
    });

    it('in a price range hold products with a variant in it', async () => {
      const found = await walk('minPrice=1600&maxPrice=2900&limit=100');
      expect(found.length).toBeGreaterThan(0);
      for (const { variants } of found)
        expect(variants.some(({ price }) => price!.amount >= 1600 && price!.amount <= 2900)).toBe(true);
      // From 4500 on there are only dearer variants of things whose cheaper variant is below.
      expect((await walk('minPrice=5000&limit=100')).length).toBeGreaterThan(0);
      expect(await walk('minPrice=4100&maxPrice=4400&limit=100')).toEqual([]);
    });

    it('in stock hold what can be bought, out of stock the rest', async () => {
      expect(slugsOf(await walk('inStock=true&limit=100'))).toEqual([
        'thing-1',
        'thing-2',
        'thing-3',
        'thing-4',
      ]);
      // Only the variant that is not sold in EUR could make the odd ones available.
      expect(slugsOf(await walk('inStock=true&currency=EUR&limit=100'))).toEqual(['thing-2', 'thing-4']);
      const rest = slugsOf(await walk('inStock=false&limit=100'));
      expect(rest).not.toContain('thing-1');
      expect(rest).toContain('thing-5');
    });

    it('find words in any case, phrases, exclusions and the beginning of the last word', async () => {
      const all = await walk('q=espresso&limit=100');
      expect(all.length).toBeGreaterThanOrEqual(20);
      expect(slugsOf(await walk('q=ESPRESSO&limit=100'))).toEqual(slugsOf(all));
      expect(slugsOf(await walk('q=esp&limit=100'))).toEqual(slugsOf(all));
      expect(slugsOf(await walk('q=%22more+espresso%22&limit=100'))).toEqual(slugsOf(all));
      expect(await walk('q=%22espresso+more%22&limit=100')).toEqual([]);
      expect(slugsOf(await walk('q=thing+-espresso&limit=100'))).toEqual(
        slugsOf(await walk('q=flowers&limit=100'))
          .filter((slug) => !slugsOf(all).includes(slug))
          .filter((slug) => slug.startsWith('thing')),
      );
      expect(await walk(`q=${encodeURIComponent('!!! & | ( ) : * <->')}`)).toEqual([]);
    });

    it('sorted by relevance show a match in the name before one in the description', async () => {
      await writer.upsertProducts([
        {
          slug: 'zebra-a',
          name: 'Toy',
          description: 'a zebra',
          variants: [{ sku: 'Z-A', prices: [{ amount: 1, currency: 'USD' }] }],
        },
        {
          slug: 'zebra-b',
          name: 'Zebra',
          description: 'a toy',
          variants: [{ sku: 'Z-B', prices: [{ amount: 1, currency: 'USD' }] }],
        },
        {
          slug: 'zebra-c',
          name: 'Toy',
          description: 'no zebra',
          variants: [{ sku: 'Z-C', prices: [{ amount: 1, currency: 'USD' }] }],
        },
      ]);
      await services.waitForReplica();
      expect((await list('q=zebra&sort=relevance')).items[0]?.slug).toBe('zebra-b');
    });

    it('do not show drafts', async () => {
      await writer.upsertProducts([
        {
          slug: 'secret',
          name: 'Secret gadget',
          status: 'draft',
          variants: [{ sku: 'S', prices: [{ amount: 1, currency: 'USD' }] }],
        },
      ]);
      await services.waitForReplica();
      expect((await list('q=gadget')).items).toEqual([]);
      expect(await codeOf('/api/v1/products/secret')).toBe('404 PRODUCT_NOT_FOUND');
    });
  });

  describe('details', () => {
    it('come by id and by slug, in any currency of the shop', async () => {
      const bySlug = await api.get('/api/v1/products/thing-7');
      expect(bySlug.status).toBe(200);
      const byId = await api.get(`/api/v1/products/${String(bySlug.body['id'])}`);
      expect(byId.body).toEqual(bySlug.body);
      expect((await api.get(`/api/v1/products/${String(bySlug.body['id']).toUpperCase()}`)).body).toEqual(
        bySlug.body,
      );

      const inEuro = await api.get('/api/v1/products/thing-7?currency=EUR');
      expect((inEuro.body['variants'] as Listed['variants']).map(({ price }) => price)).toEqual([null, null]);
      expect(await codeOf('/api/v1/products/thing-7?currency=XTS')).toBe('422 CURRENCY_NOT_SUPPORTED');
    });

    it.each([
      'nothing-like-it',
      '0190a000-0000-7000-8000-000000000000',
      'Not%20a%20slug',
      '..%2f',
      'a'.repeat(190),
    ])('of %s do not exist', async (name) => {
      expect(await codeOf(`/api/v1/products/${name}`)).toBe('404 PRODUCT_NOT_FOUND');
    });
  });

  it('shows the category tree with parents before children, by pages', async () => {
    const first = await api.get('/api/v1/categories?limit=3');
    const rest = await api.get(`/api/v1/categories?limit=3&cursor=${String(first.body['nextCursor'])}`);
    type Node = {
      id: string;
      slug: string;
      parentId: string | null;
    };
    const items = [first, rest].flatMap(({ body }) => body['items'] as Node[]);
    expect(items.map(({ slug }) => slug)).toEqual(['home', 'garden', 'kitchen', 'coffee']);
    expect(rest.body['nextCursor']).toBeNull();
    expect(items.map(({ parentId }) => items.find(({ id }) => id === parentId)?.slug ?? null)).toEqual([
      null,
      null,
      'home',
      'kitchen',
    ]);
  });

  describe('answers', () => {
    it('carry an ETag, and are 304 for who has them', async () => {
      for (const path of ['/api/v1/products', '/api/v1/products/thing-9', '/api/v1/categories']) {
        const first = await api.get(path);
        const etag = first.headers.get('etag') ?? '';
        expect(etag).toMatch(/^"[\w-]+"$/);
        expect(first.headers.get('cache-control')).toBe('public, no-cache');
        for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
          const again = await api.get(path, { headers: { 'if-none-match': condition } });
          expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
          expect(again.headers.get('vary')).toContain('Accept-Encoding');
        }
        expect((await api.get(path, { headers: { 'if-none-match': '"other", garbage' } })).status).toBe(200);
      }
    });

    it('come compressed when that pays and the client takes it', async () => {
      const get = (acceptEncoding: string): Promise<{ body: Buffer; headers: Record<string, unknown> }> =>
        new Promise((resolve, reject) => {
          httpRequest(
            `${app.url}/api/v1/products`,
            { headers: { 'accept-encoding': acceptEncoding } },
            (response) => {
              const chunks: Buffer[] = [];
              response.on('data', (chunk: Buffer) => chunks.push(chunk));
              response.on('end', () => {
                resolve({ body: Buffer.concat(chunks), headers: response.headers });
              });
            },
          )
            .on('error', reject)
            .end();
        });
      const plain = await get('identity');
      const compressed = await get('br, gzip;q=0.5');
      expect(compressed.headers['content-encoding']).toBe('gzip');
      expect(compressed.headers['etag']).not.toBe(plain.headers['etag']);
      expect(gunzipSync(compressed.body).equals(plain.body)).toBe(true);
      expect(compressed.body.length).toBeLessThan(plain.body.length / 2);
      expect((await get('gzip;q=0')).headers['content-encoding']).toBeUndefined();
    });
  });

  it.each([
    ['an unknown parameter', 'colour=red', '/colour'],
    ['a repeated parameter', 'limit=1&limit=2', '/limit'],
    ['a limit of zero', 'limit=0', '/limit'],
    ['a fractional limit', 'limit=1.5', '/limit'],
    ['a negative price', 'minPrice=-1', '/minPrice'],
    ['a huge price', 'maxPrice=99999999999999999999', '/maxPrice'],
    ['a price in exponents', 'maxPrice=1e3', '/maxPrice'],
    ['an empty range', 'minPrice=2&maxPrice=1', '/minPrice'],
    ['an unknown order', 'sort=random', '/sort'],
    ['relevance of nothing', 'sort=relevance', '/sort'],
    ['a vague boolean', 'inStock=yes', '/inStock'],
    ['a long search', `q=${'x'.repeat(201)}`, '/q'],
    ['an impossible category', 'category=a%20b', '/category'],
    ['nested parameters', 'limit[]=1', '/limit[]'],
  ])('refuses %s by name', async (_, query, pointer) => {
    const { status, body } = await api.get(`/api/v1/products?${query}`);
    expect([status, body['code'], pointerOf(body)]).toEqual([400, 'VALIDATION_FAILED', pointer]);
  });

  it('refuses cursors that are not of this list', async () => {
    const { nextCursor } = await list('sort=price&limit=5');
    for (const query of [
      `cursor=${nextCursor!}`,
      `sort=price&currency=EUR&cursor=${nextCursor!}`,
      'cursor=x',
      'cursor=',
    ])
      expect(await codeOf(`/api/v1/products?${query}`)).toBe('400 CURSOR_INVALID');
    expect((await list(`sort=price&limit=9&cursor=${nextCursor!}`)).items).toHaveLength(9);
  });

  it.each(['%', '%zz', 'q=%', 'q=%ff%fe', 'q=%ed%a0%80', 'q=%00', '&&&', '=', 'q=a&'])(
    'answers the query string %s without failing',
    async (query) => {
      expect((await api.get(`/api/v1/products?${query}`)).status).toBeLessThan(500);
    },
  );

  it('counts what it gives from memory against the limit of the client, and says so', async () => {
    const limited = await startApp({
      services,
      env: { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_PER_MINUTE: '20' },
    });
    try {
      const client = new ApiClient(limited.url);
      const answers = [];
      for (let i = 0; i < 25; i += 1) answers.push(await client.get('/api/v1/products/thing-7'));
      expect(answers.map(({ status }) => status)).toEqual([
        ...Array<number>(20).fill(200),
        ...Array<number>(5).fill(429),
      ]);
      expect(answers.map(({ headers }) => /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1])).toEqual([
        ...Array.from({ length: 20 }, (_, i) => String(19 - i)),
        ...Array<string>(5).fill('0'),
      ]);
      const [first, second] = answers;
      for (const answer of [first, second]) {
        expect(answer?.headers.get('ratelimit-policy')).toBe('"default";q=20;w=60');
        expect(answer?.headers.get('x-content-type-options')).toBe('nosniff');
        expect(answer?.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
      }
      expect(answers.at(-1)?.headers.get('retry-after')).toMatch(/^\d+$/);
    } finally {
      await limited.close();
    }
  });

  it('answers HEAD with the fields of GET and nothing else', async () => {
    const get = await api.get('/api/v1/products/thing-7');
    const head = await api.request('HEAD', '/api/v1/products/thing-7');
    expect([head.status, head.text, head.headers.get('etag')]).toEqual([200, '', get.headers.get('etag')]);
  });

  describe('administration', () => {
    let token: string;
    const variant = (sku: string) => ({
      sku,
      options: { Size: 'M' },
      prices: [{ amount: 500, currency: 'USD' }],
    });

    beforeAll(async () => {
      ({ token } = await shop.createBuyer('admin'));
    });

    it('creates a product that is public within a second', async () => {
      const body = { slug: 'new-lamp', name: 'New lamp', variants: [variant('LAMP-1')] };
      expect(await codeOf('/api/v1/products/new-lamp')).toBe('404 PRODUCT_NOT_FOUND');
      const created = await api.post('/api/v1/admin/products', { token, body });
      expect(created.status).toBe(201);
      expect(created.headers.get('etag')).toBe('"v1"');
      expect(created.body).toMatchObject({
        slug: 'new-lamp',
        description: '',
        status: 'active',
        version: 1,
        categoryId: null,
      });
      expect((created.body['variants'] as unknown[])[0]).toMatchObject(variant('LAMP-1'));

      const deadline = Date.now() + 1000;
      let status = 0;
      while (status !== 200 && Date.now() < deadline)
        ({ status } = await api.get('/api/v1/products/new-lamp'));
      expect(status).toBe(200);

      const again = await api.post('/api/v1/admin/products', { token, body });
      expect([again.status, again.body['code']]).toEqual([409, 'PRODUCT_SLUG_TAKEN']);
      const sameSku = await api.post('/api/v1/admin/products', {
        token,
        body: { ...body, slug: 'other-lamp' },
      });
      expect([sameSku.status, sameSku.body['code'], sameSku.body['sku']]).toEqual([
        409,
        'VARIANT_SKU_TAKEN',
        'LAMP-1',
      ]);
      expect(await shop.rows("SELECT FROM products WHERE slug = 'other-lamp'")).toEqual([]);
    });

    it('changes a product only for who has read its present version', async () => {
      const { body: product } = await api.post('/api/v1/admin/products', {
        token,
        body: { slug: 'chair', name: 'Chair', description: 'Four legs', variants: [variant('CHAIR-1')] },
      });
      const path = `/api/v1/admin/products/${String(product['id'])}`;
      const patch = (headers: Record<string, string>, body: unknown, to = path) =>
        api.request('PATCH', to, { token, headers, body });
      expect((await patch({}, { name: 'X' })).status).toBe(428);
      expect((await patch({ 'if-match': '"v9"' }, { name: 'X' })).status).toBe(412);
      expect((await patch({ 'if-match': 'v1' }, { name: 'X' })).status).toBe(412);

      const renamed = await patch({ 'if-match': '"v1"' }, { name: 'Good chair' });
      expect(renamed.body).toMatchObject({ name: 'Good chair', description: 'Four legs', version: 2 });
      expect((await api.get(path, { token })).headers.get('etag')).toBe('"v2"');
      expect((await patch({ 'if-match': '"v1"' }, { name: 'Y' })).body['code']).toBe('PRECONDITION_FAILED');
      expect((await patch({ 'if-match': '"v2"' }, { slug: 'thing-1' })).body['code']).toBe(
        'PRODUCT_SLUG_TAKEN',
      );

      const more = await api.post(`${path}/variants`, {
        token,
        body: {
          ...variant('CHAIR-2'),
          prices: [
            { amount: 900, currency: 'USD' },
            { amount: 800, currency: 'EUR' },
          ],
        },
      });
      expect([more.status, more.headers.get('etag')]).toEqual([201, '"v3"']);
      expect((await api.post(`${path}/variants`, { token, body: variant('T-1-A') })).body['code']).toBe(
        'VARIANT_SKU_TAKEN',
      );

      const cheaper = await patch(
        { 'if-match': '"v3"' },
        { prices: [{ amount: 100, currency: 'USD' }] },
        `/api/v1/admin/variants/${String((more.body['variants'] as { id: string }[])[1]?.id)}`,
      );
      expect((cheaper.body['variants'] as { prices: unknown }[])[1]?.prices).toEqual([
        { amount: 800, currency: 'EUR' },
        { amount: 100, currency: 'USD' },
      ]);
      expect(
        await shop.rows(
          'SELECT currency, min_amount_minor::int AS min, max_amount_minor::int AS max FROM product_price_ranges WHERE product_id = $1 ORDER BY currency',
          [product['id']],
        ),
      ).toEqual([
        { currency: 'EUR', min: 800, max: 800 },
        { currency: 'USD', min: 100, max: 500 },
      ]);
    });

    it('loses no update when two write at once', async () => {
      const { body: product } = await api.post('/api/v1/admin/products', {
        token,
        body: { slug: 'contested', name: 'Contested', variants: [] },
      });
      const answers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) =>
          api.request('PATCH', `/api/v1/admin/products/${String(product['id'])}`, {
            token,
            headers: { 'if-match': '"v1"' },
            body: { name },
          }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    });

    it('moves a category with everything below it', async () => {
      const create = (body: unknown) => api.post('/api/v1/admin/categories', { token, body });
      const root = (await create({ slug: 'tools', name: 'Tools' })).body;
      const child = (await create({ slug: 'saws', name: 'Saws', parentId: String(root['id']) })).body;
      const leaf = (await create({ slug: 'jigsaws', name: 'Jigsaws', parentId: String(child['id']) })).body;
      expect(leaf).toMatchObject({ slug: 'jigsaws', parentId: String(child['id']), position: 0 });
      expect((await create({ slug: 'tools', name: 'Again' })).body['code']).toBe('CATEGORY_SLUG_TAKEN');

      const move = (id: unknown, body: unknown) =>
        api.request('PATCH', `/api/v1/admin/categories/${String(id)}`, { token, body });
      const circle = await move(root['id'], { parentId: String(leaf['id']) });
      expect([circle.status, circle.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
      expect((await move(child['id'], { parentId: null, name: 'All saws' })).body).toMatchObject({
        parentId: null,
        name: 'All saws',
      });
      expect(
        await shop.rows(
          "SELECT slug, cardinality(ancestor_ids) AS depth FROM categories WHERE slug ~ 'saws' ORDER BY slug",
        ),
      ).toEqual([
        { slug: 'jigsaws', depth: 2 },
        { slug: 'saws', depth: 1 },
      ]);
      expect((await move('0190a000-0000-7000-8000-000000000000', { name: 'X' })).status).toBe(404);
    });

    it('is closed to customers and strangers', async () => {
      const { token: customer } = await shop.createBuyer();
      const body = { slug: 'x', name: 'X', variants: [] };
      expect((await api.post('/api/v1/admin/products', { body })).status).toBe(401);
      expect((await api.post('/api/v1/admin/products', { body, token: customer })).status).toBe(403);
      expect(
        (await api.post('/api/v1/admin/categories', { body: { slug: 'x', name: 'X' }, token: customer }))
          .status,
      ).toBe(403);
    });

    it.each([
      ['no name', { slug: 'a', variants: [] }],
      ['a blank name', { slug: 'a', name: '  ', variants: [] }],
      ['a bad slug', { slug: 'A b', name: 'A', variants: [] }],
      ['an unknown field', { slug: 'a', name: 'A', variants: [], colour: 1 }],
      ['a null description', { slug: 'a', name: 'A', variants: [], description: null }],
      ['an unknown status', { slug: 'a', name: 'A', variants: [], status: 'gone' }],
      ['a category of a wrong type', { slug: 'a', name: 'A', variants: [], categoryId: 'x' }],
      ['variants that are no list', { slug: 'a', name: 'A', variants: {} }],
      ['a null variant', { slug: 'a', name: 'A', variants: [null] }],
      [
        'a fractional price',
        { slug: 'a', name: 'A', variants: [{ sku: 'a', prices: [{ amount: 1.5, currency: 'USD' }] }] },
      ],
      [
        'a negative price',
        { slug: 'a', name: 'A', variants: [{ sku: 'a', prices: [{ amount: -1, currency: 'USD' }] }] },
      ],
      [
        'a huge price',
        { slug: 'a', name: 'A', variants: [{ sku: 'a', prices: [{ amount: 1e15, currency: 'USD' }] }] },
      ],
      [
        'a price as text',
        { slug: 'a', name: 'A', variants: [{ sku: 'a', prices: [{ amount: '1', currency: 'USD' }] }] },
      ],
      [
        'two prices in a currency',
        {
          slug: 'a',
          name: 'A',
          variants: [
            {
              sku: 'a',
              prices: [
                { amount: 1, currency: 'USD' },
                { amount: 2, currency: 'USD' },
              ],
            },
          ],
        },
      ],
      [
        'nested options',
        { slug: 'a', name: 'A', variants: [{ sku: 'a', options: { a: { b: 1 } }, prices: [] }] },
      ],
      [
        'a SKU that comes twice',
        {
          slug: 'a',
          name: 'A',
          variants: [
            { sku: 'a', prices: [] },
            { sku: 'a', prices: [] },
          ],
        },
      ],
      ['half a surrogate pair', '{"slug":"a","name":"\\ud800","variants":[]}'],
      [
        'half a surrogate pair in an option',
        '{"slug":"a","name":"A","variants":[{"sku":"q","prices":[],"options":{"a":"\\udfff"}}]}',
      ],
      ['a list instead of an object', []],
    ])('refuses %s', async (_, body) => {
      const answer = await api.post('/api/v1/admin/products', { token, body });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        400,
        'application/problem+json; charset=utf-8',
      ]);
    });
  });
});
