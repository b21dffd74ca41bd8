import { request as httpRequest } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { ApiClient } from '../support/api-client.js';
import { startApp } from '../support/app-harness.js';
import { CatalogueUnderTest, type Listed } from '../support/catalogue-under-test.js';

describe('the catalogue', () => {
  let catalogue: CatalogueUnderTest;

  beforeAll(async () => {
    catalogue = await CatalogueUnderTest.start();
  });

  afterAll(() => catalogue.close());

  describe('details', () => {
    it('come by id and by slug, in any currency of the shop', async () => {
      const bySlug = await catalogue.api.get('/api/v1/products/thing-7');
      expect(bySlug.status).toBe(200);
      const byId = await catalogue.api.get(`/api/v1/products/${String(bySlug.body['id'])}`);
      expect(byId.body).toEqual(bySlug.body);
      expect(
        (await catalogue.api.get(`/api/v1/products/${String(bySlug.body['id']).toUpperCase()}`)).body,
      ).toEqual(bySlug.body);

      const inEuro = await catalogue.api.get('/api/v1/products/thing-7?currency=EUR');
      expect((inEuro.body['variants'] as Listed['variants']).map(({ price }) => price)).toEqual([null, null]);
      expect(await catalogue.codeOf('/api/v1/products/thing-7?currency=XTS')).toBe(
        '422 CURRENCY_NOT_SUPPORTED',
      );
    });

    it.each([
      'nothing-like-it',
      '0190a000-0000-7000-8000-000000000000',
      'Not%20a%20slug',
      '..%2f',
      'a'.repeat(190),
    ])('of %s do not exist', async (name) => {
      expect(await catalogue.codeOf(`/api/v1/products/${name}`)).toBe('404 PRODUCT_NOT_FOUND');
    });
  });

  it('shows the category tree with parents before children, by pages', async () => {
    const first = await catalogue.api.get('/api/v1/categories?limit=3');
    const rest = await catalogue.api.get(
      `/api/v1/categories?limit=3&cursor=${String(first.body['nextCursor'])}`,
    );
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
        const first = await catalogue.api.get(path);
        const etag = first.headers.get('etag') ?? '';
        expect(etag).toMatch(/^"[\w-]+"$/);
        expect(first.headers.get('cache-control')).toBe('public, no-cache');
        for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
          const again = await catalogue.api.get(path, { headers: { 'if-none-match': condition } });
          expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
          expect(again.headers.get('vary')).toContain('Accept-Encoding');
        }
        expect(
          (await catalogue.api.get(path, { headers: { 'if-none-match': '"other", garbage' } })).status,
        ).toBe(200);
      }
    });

    it('come compressed when that pays and the client takes it', async () => {
      const get = (acceptEncoding: string): Promise<{ body: Buffer; headers: Record<string, unknown> }> =>
        new Promise((resolve, reject) => {
          httpRequest(
            `${catalogue.app.url}/api/v1/products`,
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

  it('counts what it gives from memory against the limit of the client, and says so', async () => {
    const limited = await startApp({
      services: catalogue.services,
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
        expect(answer?.headers.get('x-request-id')).toMatch(/^[\w-]{8,64}$/);
      }
      expect(answers.at(-1)?.headers.get('retry-after')).toMatch(/^\d+$/);
    } finally {
      await limited.close();
    }
  });

  it('answers HEAD with the fields of GET and nothing else', async () => {
    const get = await catalogue.api.get('/api/v1/products/thing-7');
    const head = await catalogue.api.request('HEAD', '/api/v1/products/thing-7');
    expect([head.status, head.text, head.headers.get('etag')]).toEqual([200, '', get.headers.get('etag')]);
  });
});
