import { CatalogueUnderTest } from '../support/catalogue-under-test.js';

describe('the catalogue', () => {
  let catalogue: CatalogueUnderTest;

  beforeAll(async () => {
    catalogue = await CatalogueUnderTest.start();
  });

  afterAll(() => catalogue.close());

  describe('administration', () => {
    let token: string;
    const variant = (sku: string) => ({
      sku,
      options: { Size: 'M' },
      prices: [{ amount: 500, currency: 'USD' }],
    });

    beforeAll(async () => {
      ({ token } = await catalogue.shop.createBuyer('admin'));
    });

    it('creates a product that is public within a second', async () => {
      const body = { slug: 'new-lamp', name: 'New lamp', variants: [variant('LAMP-1')] };
      expect(await catalogue.codeOf('/api/v1/products/new-lamp')).toBe('404 PRODUCT_NOT_FOUND');
      const created = await catalogue.api.post('/api/v1/admin/products', { token, body });
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
        ({ status } = await catalogue.api.get('/api/v1/products/new-lamp'));
      expect(status).toBe(200);

      const again = await catalogue.api.post('/api/v1/admin/products', { token, body });
      expect([again.status, again.body['code']]).toEqual([409, 'PRODUCT_SLUG_TAKEN']);
      const sameSku = await catalogue.api.post('/api/v1/admin/products', {
        token,
        body: { ...body, slug: 'other-lamp' },
      });
      expect([sameSku.status, sameSku.body['code'], sameSku.body['sku']]).toEqual([
        409,
        'VARIANT_SKU_TAKEN',
        'LAMP-1',
      ]);
      expect(await catalogue.shop.rows("SELECT FROM products WHERE slug = 'other-lamp'")).toEqual([]);
    });

    it('changes a product only for who has read its present version', async () => {
      const { body: product } = await catalogue.api.post('/api/v1/admin/products', {
        token,
        body: { slug: 'chair', name: 'Chair', description: 'Four legs', variants: [variant('CHAIR-1')] },
      });
      const path = `/api/v1/admin/products/${String(product['id'])}`;
      const patch = (headers: Record<string, string>, body: unknown, to = path) =>
        catalogue.api.request('PATCH', to, { token, headers, body });
      expect((await patch({}, { name: 'X' })).status).toBe(428);
      expect((await patch({ 'if-match': '"v9"' }, { name: 'X' })).status).toBe(412);
      expect((await patch({ 'if-match': 'v1' }, { name: 'X' })).status).toBe(412);

      const renamed = await patch({ 'if-match': '"v1"' }, { name: 'Good chair' });
      expect(renamed.body).toMatchObject({ name: 'Good chair', description: 'Four legs', version: 2 });
      expect((await catalogue.api.get(path, { token })).headers.get('etag')).toBe('"v2"');
      expect((await patch({ 'if-match': '"v1"' }, { name: 'Y' })).body['code']).toBe('PRECONDITION_FAILED');
      expect((await patch({ 'if-match': '"v2"' }, { slug: 'thing-1' })).body['code']).toBe(
        'PRODUCT_SLUG_TAKEN',
      );

      const more = await catalogue.api.post(`${path}/variants`, {
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
      expect(
        (await catalogue.api.post(`${path}/variants`, { token, body: variant('T-1-A') })).body['code'],
      ).toBe('VARIANT_SKU_TAKEN');

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
        await catalogue.shop.rows(
          'SELECT currency, min_amount_minor::int AS min, max_amount_minor::int AS max FROM product_price_ranges WHERE product_id = $1 ORDER BY currency',
          [product['id']],
        ),
      ).toEqual([
        { currency: 'EUR', min: 800, max: 800 },
        { currency: 'USD', min: 100, max: 500 },
      ]);
    });

    it('loses no update when two write at once', async () => {
      const { body: product } = await catalogue.api.post('/api/v1/admin/products', {
        token,
        body: { slug: 'contested', name: 'Contested', variants: [] },
      });
      const answers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) =>
          catalogue.api.request('PATCH', `/api/v1/admin/products/${String(product['id'])}`, {
            token,
            headers: { 'if-match': '"v1"' },
            body: { name },
          }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    });

    it('moves a category with everything below it', async () => {
      const create = (body: unknown) => catalogue.api.post('/api/v1/admin/categories', { token, body });
      const root = (await create({ slug: 'tools', name: 'Tools' })).body;
      const child = (await create({ slug: 'saws', name: 'Saws', parentId: String(root['id']) })).body;
      const leaf = (await create({ slug: 'jigsaws', name: 'Jigsaws', parentId: String(child['id']) })).body;
      expect(leaf).toMatchObject({ slug: 'jigsaws', parentId: String(child['id']), position: 0 });
      expect((await create({ slug: 'tools', name: 'Again' })).body['code']).toBe('CATEGORY_SLUG_TAKEN');

      const move = (id: unknown, body: unknown) =>
        catalogue.api.request('PATCH', `/api/v1/admin/categories/${String(id)}`, { token, body });
      const circle = await move(root['id'], { parentId: String(leaf['id']) });
      expect([circle.status, circle.body['code']]).toEqual([400, 'VALIDATION_FAILED']);
      expect((await move(child['id'], { parentId: null, name: 'All saws' })).body).toMatchObject({
        parentId: null,
        name: 'All saws',
      });
      expect(
        await catalogue.shop.rows(
          "SELECT slug, cardinality(ancestor_ids) AS depth FROM categories WHERE slug ~ 'saws' ORDER BY slug",
        ),
      ).toEqual([
        { slug: 'jigsaws', depth: 2 },
        { slug: 'saws', depth: 1 },
      ]);
      expect((await move('0190a000-0000-7000-8000-000000000000', { name: 'X' })).status).toBe(404);
    });

    it('is closed to customers and strangers', async () => {
      const { token: customer } = await catalogue.shop.createBuyer();
      const body = { slug: 'x', name: 'X', variants: [] };
      expect((await catalogue.api.post('/api/v1/admin/products', { body })).status).toBe(401);
      expect((await catalogue.api.post('/api/v1/admin/products', { body, token: customer })).status).toBe(
        403,
      );
      expect(
        (
          await catalogue.api.post('/api/v1/admin/categories', {
            body: { slug: 'x', name: 'X' },
            token: customer,
          })
        ).status,
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
      const answer = await catalogue.api.post('/api/v1/admin/products', { token, body });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        400,
        'application/problem+json; charset=utf-8',
      ]);
    });
  });
});
