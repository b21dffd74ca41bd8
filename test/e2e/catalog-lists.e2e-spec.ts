import { CatalogueUnderTest, type Listed, productInputs, slugsOf } from '../support/catalogue-under-test.js';

const pointerOf = (body: Record<string, unknown>): string | undefined =>
  (body['errors'] as { pointer: string }[])[0]?.pointer;

describe('the catalogue', () => {
  let catalogue: CatalogueUnderTest;

  beforeAll(async () => {
    catalogue = await CatalogueUnderTest.start();
  });

  afterAll(() => catalogue.close());

  describe('lists', () => {
    it('show products in the documented shape', async () => {
      const { items } = await catalogue.list('q=number&limit=1');
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
      expect((await catalogue.list('')).items).toHaveLength(24);
      expect((await catalogue.list('limit=60')).items).toHaveLength(60);
      expect(await catalogue.codeOf('/api/v1/products?limit=101')).toBe('400 VALIDATION_FAILED');
    });

    it.each(['newest', 'price', '-price', 'name', 'relevance'])(
      'sorted by %s show every product exactly once, in order, while others are inserted',
      async (sort) => {
        const before = slugsOf(await catalogue.walk(`limit=100&q=thing`));
        let next = 1000 + ['newest', 'price', '-price', 'name', 'relevance'].indexOf(sort) * 100;
        const found = await catalogue.walk(`limit=7&q=thing&sort=${encodeURIComponent(sort)}`, async () => {
          await catalogue.writer.upsertProducts(productInputs((next += 3), 3));
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
      const inKitchen = (await catalogue.walk('category=kitchen&limit=100')).filter(({ slug }) =>
        /^thing-\d{1,2}$/.test(slug),
      );
      expect(inKitchen).toHaveLength(30);
      expect(inKitchen.every(({ slug }) => expected(Number(slug.slice(6))))).toBe(true);

      const { body } = await catalogue.api.get('/api/v1/categories');
      const kitchen = (body['items'] as { id: string; slug: string }[]).find(
        ({ slug }) => slug === 'kitchen',
      );
      expect(slugsOf(await catalogue.walk(`category=${kitchen!.id}&limit=100`))).toEqual(
        slugsOf(await catalogue.walk('category=kitchen&limit=100')),
      );
      expect(await catalogue.codeOf('/api/v1/products?category=nowhere')).toBe('404 CATEGORY_NOT_FOUND');
    });

    it('in another currency hold what is sold in it and show prices in it', async () => {
      const found = await catalogue.walk('currency=EUR&limit=100');
      expect(found.every(({ slug }) => Number(slug.slice(6)) % 2 === 0)).toBe(true);
      for (const { variants } of found) {
        expect(variants[0]?.price?.currency).toBe('EUR');
        expect(variants[1]?.price).toBeNull();
      }
      expect(await catalogue.codeOf('/api/v1/products?currency=XTS')).toBe('422 CURRENCY_NOT_SUPPORTED');
      expect(await catalogue.codeOf('/api/v1/products?currency=eur')).toBe('400 VALIDATION_FAILED');
    });

    it('in a price range hold products with a variant in it', async () => {
      const found = await catalogue.walk('minPrice=1600&maxPrice=2900&limit=100');
      expect(found.length).toBeGreaterThan(0);
      for (const { variants } of found)
        expect(variants.some(({ price }) => price!.amount >= 1600 && price!.amount <= 2900)).toBe(true);
      // From 4500 on there are only dearer variants of things whose cheaper variant is below.
      expect((await catalogue.walk('minPrice=5000&limit=100')).length).toBeGreaterThan(0);
      expect(await catalogue.walk('minPrice=4100&maxPrice=4400&limit=100')).toEqual([]);
    });

    it('in stock hold what can be bought, out of stock the rest', async () => {
      expect(slugsOf(await catalogue.walk('inStock=true&limit=100'))).toEqual([
        'thing-1',
        'thing-2',
        'thing-3',
        'thing-4',
      ]);
      // Only the variant that is not sold in EUR could make the odd ones available.
      expect(slugsOf(await catalogue.walk('inStock=true&currency=EUR&limit=100'))).toEqual([
        'thing-2',
        'thing-4',
      ]);
      const rest = slugsOf(await catalogue.walk('inStock=false&limit=100'));
      expect(rest).not.toContain('thing-1');
      expect(rest).toContain('thing-5');
    });

    it('find words in any case, phrases, exclusions and the beginning of the last word', async () => {
      const all = await catalogue.walk('q=espresso&limit=100');
      expect(all.length).toBeGreaterThanOrEqual(20);
      expect(slugsOf(await catalogue.walk('q=ESPRESSO&limit=100'))).toEqual(slugsOf(all));
      expect(slugsOf(await catalogue.walk('q=esp&limit=100'))).toEqual(slugsOf(all));
      expect(slugsOf(await catalogue.walk('q=%22more+espresso%22&limit=100'))).toEqual(slugsOf(all));
      expect(await catalogue.walk('q=%22espresso+more%22&limit=100')).toEqual([]);
      expect(slugsOf(await catalogue.walk('q=thing+-espresso&limit=100'))).toEqual(
        slugsOf(await catalogue.walk('q=flowers&limit=100'))
          .filter((slug) => !slugsOf(all).includes(slug))
          .filter((slug) => slug.startsWith('thing')),
      );
      expect(await catalogue.walk(`q=${encodeURIComponent('!!! & | ( ) : * <->')}`)).toEqual([]);
    });

    it('sorted by relevance show a match in the name before one in the description', async () => {
      await catalogue.writer.upsertProducts([
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
      await catalogue.services.waitForReplica();
      expect((await catalogue.list('q=zebra&sort=relevance')).items[0]?.slug).toBe('zebra-b');
    });

    it('do not show drafts', async () => {
      await catalogue.writer.upsertProducts([
        {
          slug: 'secret',
          name: 'Secret gadget',
          status: 'draft',
          variants: [{ sku: 'S', prices: [{ amount: 1, currency: 'USD' }] }],
        },
      ]);
      await catalogue.services.waitForReplica();
      expect((await catalogue.list('q=gadget')).items).toEqual([]);
      expect(await catalogue.codeOf('/api/v1/products/secret')).toBe('404 PRODUCT_NOT_FOUND');
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
    const { status, body } = await catalogue.api.get(`/api/v1/products?${query}`);
    expect([status, body['code'], pointerOf(body)]).toEqual([400, 'VALIDATION_FAILED', pointer]);
  });

  it('refuses cursors that are not of this list', async () => {
    const { nextCursor } = await catalogue.list('sort=price&limit=5');
    for (const query of [
      `cursor=${nextCursor!}`,
      `sort=price&currency=EUR&cursor=${nextCursor!}`,
      'cursor=x',
      'cursor=',
    ])
      expect(await catalogue.codeOf(`/api/v1/products?${query}`)).toBe('400 CURSOR_INVALID');
    expect((await catalogue.list(`sort=price&limit=9&cursor=${nextCursor!}`)).items).toHaveLength(9);
  });

  it.each(['%', '%zz', 'q=%', 'q=%ff%fe', 'q=%ed%a0%80', 'q=%00', '&&&', '=', 'q=a&'])(
    'answers the query string %s without failing',
    async (query) => {
      expect((await catalogue.api.get(`/api/v1/products?${query}`)).status).toBeLessThan(500);
    },
  );
});
