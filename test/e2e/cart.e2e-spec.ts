import { createHash } from 'node:crypto';
import { newId } from '../../src/common/ids.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { CartRepository } from '../../src/modules/cart/index.js';
import { CatalogWriter } from '../../src/modules/catalog/index.js';
import { StockService } from '../../src/modules/inventory/index.js';
import { type ApiAnswer, ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { type Buyer, Shop } from '../support/shop.builder.js';

const COOKIE = '__Host-caudal_cart';
const LINES_MAX = 5;
const QUANTITY_MAX = 200;

/** What a client holds: a token of its own, a guest's token, or both. */
interface Visitor {
  readonly token?: string;
  readonly cart?: string;
  readonly cookie?: string;
}

describe('the cart', () => {
  let services: TestServices;
  let app: AppUnderTest;
  let api: ApiClient;
  let shop: Shop;
  /** Each costs 10.00 USD and 9.00 EUR and has 100 units; the last of them has no price in EUR. */
  let variants: string[];
  let draft: string;

  beforeAll(async () => {
    services = await startTestServices();
    app = await startApp({
      services,
      env: {
        // No background work: its statements would be counted with ours.
        ROLE: 'api',
        ORDER_LINES_MAX: String(LINES_MAX),
        ORDER_LINE_QUANTITY_MAX: String(QUANTITY_MAX),
        PUBLIC_ORIGINS: 'https://shop.example',
      },
    });
    api = new ApiClient(app.url);
    shop = new Shop(services.databaseUrl);

    const skus = Array.from({ length: 8 }, (_, index) => `MUG-${String(index)}`);
    const prices = (sku: string) => [
      { currency: 'USD', amount: 1000 },
      ...(sku === 'MUG-7' ? [] : [{ currency: 'EUR', amount: 900 }]),
    ];
    const results = await app.app.get(CatalogWriter, { strict: false }).upsertProducts([
      {
        slug: 'mug',
        name: 'Mug',
        variants: skus.map((sku) => ({ sku, options: { No: sku }, prices: prices(sku) })),
      },
      {
        slug: 'draft',
        name: 'Draft',
        status: 'draft',
        variants: [{ sku: 'DRAFT', prices: prices('DRAFT') }],
      },
    ]);
    const ids = results.map((result) =>
      result.outcome === 'rejected'
        ? []
        : result.variants.flatMap((each) => (each.outcome === 'rejected' ? [] : each.id)),
    );
    variants = ids[0] ?? [];
    draft = ids[1]?.[0] ?? '';
    await app.app
      .get(StockService, { strict: false })
      .setInitialStock(variants.map((variantId) => ({ variantId, onHand: 100 })));
  });

  afterAll(async () => {
    await shop.close();
    await app.close();
    await services.close();
  });

  const headersOf = ({ cart, cookie }: Visitor): Record<string, string> => ({
    ...(cart === undefined ? {} : { 'cart-token': cart }),
    ...(cookie === undefined ? {} : { cookie: `${COOKIE}=${cookie}` }),
  });
  const call = (
    method: string,
    path: string,
    visitor: Visitor,
    body?: unknown,
    headers: Record<string, string> = {},
  ) =>
    api.request(method, `/api/v1/cart${path}`, {
      headers: { ...headersOf(visitor), ...headers },
      ...(visitor.token === undefined ? {} : { token: visitor.token }),
      ...(body === undefined ? {} : { body }),
    });
  const show = (visitor: Visitor, query = '') => call('GET', query, visitor);
  const add = (visitor: Visitor, variantId: unknown, quantity: unknown = 1, query = '') =>
    call('POST', `/lines${query}`, visitor, { variantId, quantity });
  const tokenOf = (answer: ApiAnswer): string => answer.headers.get('cart-token') ?? '';
  const quantities = (answer: ApiAnswer): Record<string, number> =>
    Object.fromEntries(
      (answer.body['lines'] as { variantId: string; quantity: number }[]).map(({ variantId, quantity }) => [
        variantId,
        quantity,
      ]),
    );

  const newUser = (): Promise<Buyer> => shop.createBuyer();

  async function newGuest(...variantIds: string[]): Promise<{ cart: string }> {
    const first = await add({}, variantIds[0] ?? variants[0]);
    const guest = { cart: tokenOf(first) };
    for (const variantId of variantIds.slice(1)) await add(guest, variantId);
    return guest;
  }

  const cartCount = async () =>
    (await shop.rows<{ count: number }>('SELECT count(*)::int FROM carts'))[0]?.count;

  describe('of a guest', () => {
    it('is empty and not stored until something is put in', async () => {
      const before = await cartCount();
      const answer = await show({});
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        id: null,
        version: 0,
        currency: 'USD',
        lines: [],
        subtotal: { amount: 0, currency: 'USD' },
      });
      expect(answer.headers.get('etag')).toBe('"v0"');
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(await cartCount()).toBe(before);
    });

    it('is made by the first line and found again by header or cookie', async () => {
      const added = await add({}, variants[0], 2);
      expect(added.status).toBe(201);
      expect(added.headers.get('etag')).toBe('"v1"');
      expect(added.body).toEqual({
        id: expect.any(String) as string,
        version: 1,
        currency: 'USD',
        lines: [
          {
            id: expect.any(String) as string,
            variantId: variants[0],
            sku: 'MUG-0',
            name: 'Mug',
            options: { No: 'MUG-0' },
            quantity: 2,
            unitPrice: { amount: 1000, currency: 'USD' },
            total: { amount: 2000, currency: 'USD' },
            available: 100,
          },
        ],
        subtotal: { amount: 2000, currency: 'USD' },
      });
      const token = tokenOf(added);
      expect(Buffer.from(token, 'base64url')).toHaveLength(32);
      const [cookie = ''] = added.headers.getSetCookie();
      expect(cookie).toContain(`${COOKIE}=${token}; `);
      for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/', 'Max-Age=2592000']) {
        expect(cookie).toContain(attribute);
      }
      expect(cookie).not.toContain('Domain');
      expect((await show({ cart: token })).body).toEqual(added.body);
      expect((await show({ cookie: token })).body).toEqual(added.body);
    });

    it('is stored under the hash of its token alone', async () => {
      const { cart } = await newGuest();
      const rows = await shop.rows('SELECT guest_token_hash FROM carts WHERE guest_token_hash = $1', [
        createHash('sha256').update(cart).digest(),
      ]);
      expect(rows).toHaveLength(1);
      const dump = await shop.rows<{ text: string }>('SELECT c::text AS text FROM carts c');
      expect(dump.some(({ text }) => text.includes(cart))).toBe(false);
    });

    it('changes and removes lines', async () => {
      const guest = await newGuest(variants[0] ?? '', variants[1] ?? '');
      const lines = (await show(guest)).body['lines'] as { id: string }[];
      const changed = await call('PATCH', `/lines/${lines[0]?.id ?? ''}`, guest, { quantity: 7 });
      expect(changed.status).toBe(200);
      expect(changed.headers.get('etag')).toBe('"v3"');
      expect(quantities(changed)).toEqual({ [variants[0] ?? '']: 7, [variants[1] ?? '']: 1 });
      const removed = await call('DELETE', `/lines/${lines[0]?.id ?? ''}`, guest);
      expect(removed.status).toBe(200);
      expect(quantities(removed)).toEqual({ [variants[1] ?? '']: 1 });
      expect(removed.body['subtotal']).toEqual({ amount: 1000, currency: 'USD' });
      expect((await show(guest)).body).toEqual(removed.body);
    });

    it('never takes over a token that the client made up', async () => {
      const made = 'A'.repeat(43);
      const added = await add({ cart: made }, variants[0]);
      expect(added.status).toBe(201);
      expect(tokenOf(added)).not.toBe(made);
      expect(tokenOf(added)).toHaveLength(43);
      expect((await show({ cart: made })).body['lines']).toEqual([]);
    });

    it('is out of reach for other guests', async () => {
      const mine = await newGuest();
      const theirs = await newGuest();
      const lineId = ((await show(mine)).body['lines'] as { id: string }[])[0]?.id ?? '';
      for (const answer of [
        await call('PATCH', `/lines/${lineId}`, theirs, { quantity: 9 }),
        await call('DELETE', `/lines/${lineId}`, theirs),
        await call('DELETE', `/lines/${lineId}`, {}),
      ]) {
        expect(answer.status).toBe(404);
        expect(answer.body['code']).toBe('CART_LINE_NOT_FOUND');
      }
      expect(quantities(await show(mine))).toEqual({ [variants[0] ?? '']: 1 });
    });

    it('ends a month after the last write, and the janitor removes what has ended in bounded steps', async () => {
      const guests = [await newGuest(), await newGuest(), await newGuest()];
      const alive = await newGuest();
      const hashes = guests.map(({ cart }) => createHash('sha256').update(cart).digest());
      await shop.rows(
        "UPDATE carts SET expires_at = now() - interval '1 s' WHERE guest_token_hash = ANY($1)",
        [hashes],
      );
      const [first = { cart: '' }] = guests;
      expect((await show(first)).body['lines']).toEqual([]);
      const again = await add(first, variants[0]);
      expect(tokenOf(again)).not.toBe('');
      expect(tokenOf(again)).not.toBe(first.cart);

      const janitor = app.app.get(CartRepository, { strict: false });
      expect(await janitor.removeExpired(2)).toBe(2);
      expect(await janitor.removeExpired(2)).toBe(1);
      expect(await janitor.removeExpired(2)).toBe(0);
      expect(quantities(await show(alive))).toEqual({ [variants[0] ?? '']: 1 });
    });
  });

  describe('in parallel', () => {
    it('sums 100 adds of one variant exactly', async () => {
      const user = await newUser();
      const answers = await Promise.all(Array.from({ length: 100 }, () => add(user, variants[0])));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      const cart = await show(user);
      expect(quantities(cart)).toEqual({ [variants[0] ?? '']: 100 });
      expect(cart.body['version']).toBe(100);
      // Each answer is a cart that really was: 100 different ones.
      expect(new Set(answers.map((answer) => quantities(answer)[variants[0] ?? ''])).size).toBe(100);
    });

    it('holds the limits of lines and quantity', async () => {
      const guest = await newGuest();
      const wide = await Promise.all(variants.flatMap((id) => [add(guest, id), add(guest, id)]));
      expect(Object.keys(quantities(await show(guest)))).toHaveLength(LINES_MAX);
      expect(wide.filter(({ status }) => status === 409)).toHaveLength(2 * (variants.length - LINES_MAX));

      const user = await newUser();
      const high = await Promise.all(Array.from({ length: 30 }, () => add(user, variants[1], 9)));
      expect(quantities(await show(user))).toEqual({ [variants[1] ?? '']: 198 });
      const refused = high.filter(({ status }) => status !== 201);
      expect(refused).toHaveLength(8);
      expect(refused[0]?.body).toMatchObject({
        code: 'CART_LIMIT_EXCEEDED',
        linesMax: LINES_MAX,
        quantityMax: QUANTITY_MAX,
      });
    });

    it('agrees with a plain sum, whatever adds, changes and removals meet', async () => {
      const user = await newUser();
      await add(user, variants[0]);
      const lineId = ((await show(user)).body['lines'] as { id: string }[])[0]?.id ?? '';
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          index % 3 === 0
            ? call('PATCH', `/lines/${lineId}`, user, { quantity: 1 })
            : add(user, variants[index % 3], 1),
        ),
      );
      // Versions order the writes: replaying them in that order must lead from each cart to the next.
      const byVersion = answers
        .filter(({ status }) => status < 300)
        .sort((a, b) => Number(a.body['version']) - Number(b.body['version']));
      expect(byVersion).toHaveLength(60);
      expect(byVersion.map(({ body }) => body['version'] as number)).toEqual(
        Array.from({ length: 60 }, (_, index) => index + 2),
      );
      expect((await show(user)).body).toEqual(byVersion.at(-1)?.body);
      expect(quantities(await show(user))[variants[2] ?? '']).toBe(20);
    });
  });

  describe('at log-in', () => {
    it('takes the guest’s lines into the user’s cart, once, and forgets the guest', async () => {
      const user = await newUser();
      await add(user, variants[0], 3);
      const guest = await newGuest(variants[0] ?? '', variants[1] ?? '');
      const guestLines = (await show(guest)).body['lines'] as { id: string; variantId: string }[];

      const both = { token: user.token, cookie: guest.cart };
      const merged = await show(both);
      expect(quantities(merged)).toEqual({ [variants[0] ?? '']: 4, [variants[1] ?? '']: 1 });
      expect(merged.body['merge']).toEqual({ mergedLines: 2, cappedLines: 0, droppedLines: 0 });
      expect(merged.headers.getSetCookie()[0]).toMatch(new RegExp(`^${COOKIE}=; .*Max-Age=0`));
      // A page that showed the guest's cart can go on with its lines.
      expect((merged.body['lines'] as { id: string }[]).map(({ id }) => id)).toContain(guestLines[1]?.id);

      const again = await show(both);
      expect(again.body).toEqual({ ...merged.body, merge: undefined });
      expect((await show(guest)).body['lines']).toEqual([]);
    });

    it('merges once when the first requests of the user come together', async () => {
      const user = await newUser();
      const guest = await newGuest(variants[0] ?? '', variants[1] ?? '', variants[2] ?? '');
      const both = { token: user.token, cart: guest.cart };
      const answers = await Promise.all([
        ...Array.from({ length: 10 }, () => show(both)),
        ...Array.from({ length: 10 }, () => add(both, variants[0])),
      ]);
      expect(answers.map(({ status }) => status).filter((status) => status >= 400)).toEqual([]);
      expect(answers.filter(({ body }) => body['merge'] !== undefined)).toHaveLength(1);
      expect(quantities(await show(user))).toEqual({
        [variants[0] ?? '']: 11,
        [variants[1] ?? '']: 1,
        [variants[2] ?? '']: 1,
      });
    });

    it('keeps to the limits and says what it cut', async () => {
      const user = await newUser();
      await add(user, variants[0], QUANTITY_MAX - 1);
      for (const id of variants.slice(1, 4)) await add(user, id);
      const guest = await newGuest();
      await add(guest, variants[0], 50);
      for (const id of variants.slice(4, 7)) await add(guest, id);

      const merged = await show({ token: user.token, cart: guest.cart });
      expect(merged.body['merge']).toEqual({ mergedLines: 2, cappedLines: 1, droppedLines: 2 });
      expect(quantities(merged)).toEqual({
        [variants[0] ?? '']: QUANTITY_MAX,
        ...Object.fromEntries(variants.slice(1, 5).map((id) => [id, 1])),
      });
    });

    it('loses no line of a guest who goes on shopping meanwhile', async () => {
      const user = await newUser();
      const guest = await newGuest();
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, () => add(guest, variants[0])),
        show({ token: user.token, cart: guest.cart }),
      ]);
      const others = new Set(answers.map(tokenOf).filter((token) => token !== ''));
      let sum = quantities(await show(user))[variants[0] ?? ''] ?? 0;
      for (const cart of others) sum += quantities(await show({ cart }))[variants[0] ?? ''] ?? 0;
      expect(sum).toBe(21);
    });
  });

  describe('and its version', () => {
    it('refuses a write that was decided on an older cart and leaves the cart alone', async () => {
      const guest = await newGuest();
      const lineId = ((await show(guest)).body['lines'] as { id: string }[])[0]?.id ?? '';
      const write = (etag: string) =>
        call('PATCH', `/lines/${lineId}`, guest, { quantity: 5 }, { 'if-match': etag });
      expect((await write('"v1"')).status).toBe(200);
      for (const stale of ['"v1"', '"v3"', 'W/"v2"', '*', 'v2', '"nonsense"']) {
        const answer = await write(stale);
        expect([answer.status, answer.body['code']]).toEqual([412, 'PRECONDITION_FAILED']);
      }
      expect((await show(guest)).body['version']).toBe(2);
      expect((await write('"v2"')).status).toBe(200);
    });

    it('lets exactly one of several writers with the same version through', async () => {
      const user = await newUser();
      await add(user, variants[0]);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          call('POST', '/lines', user, { variantId: variants[1], quantity: 1 }, { 'if-match': '"v1"' }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(412)]);
    });

    it('counts the cart that is not there yet as version 0', async () => {
      const user = await newUser();
      const line = { variantId: variants[0], quantity: 1 };
      expect((await call('POST', '/lines', user, line, { 'if-match': '"v1"' })).status).toBe(412);
      expect((await show(user)).body['id']).toBeNull();
      expect((await call('POST', '/lines', user, line, { 'if-match': '"v0"' })).status).toBe(201);
    });
  });

  describe('in a currency', () => {
    it('shows prices in the one that is asked for', async () => {
      const guest = await newGuest();
      expect((await show(guest, '?currency=EUR')).body).toMatchObject({
        currency: 'EUR',
        lines: [{ unitPrice: { amount: 900, currency: 'EUR' } }],
        subtotal: { amount: 900, currency: 'EUR' },
      });
    });

    it('shows a line without a price rather than a sum that is too small', async () => {
      const guest = await newGuest(variants[0] ?? '', variants[7] ?? '');
      expect((await show(guest, '?currency=EUR')).body).toMatchObject({
        lines: [{ total: { amount: 900 } }, { unitPrice: null, total: null }],
        subtotal: null,
      });
    });

    it('takes nothing in that it has no price for', async () => {
      const answer = await add({}, variants[7], 1, '?currency=EUR');
      expect([answer.status, answer.body['code']]).toEqual([422, 'CURRENCY_NOT_SUPPORTED']);
    });
  });

  it('refuses a cookie write from a foreign site', async () => {
    const { cart } = await newGuest();
    const from = (origin: string) =>
      call('POST', '/lines', { cookie: cart }, { variantId: variants[0], quantity: 1 }, { origin });
    const foreign = await from('https://evil.example');
    expect([foreign.status, foreign.body['code']]).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
    expect((await from('https://shop.example')).status).toBe(201);
    expect(quantities(await show({ cart }))).toEqual({ [variants[0] ?? '']: 2 });
  });

  it('lets the pages of the shop change lines and read the token (CORS)', async () => {
    const preflight = await call('OPTIONS', `/lines/${newId()}`, {}, undefined, {
      origin: 'https://shop.example',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'cart-token,content-type',
    });
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('cart-token');
  });

  describe('and bad input', () => {
    const VARIANT = () => variants[0] ?? '';
    const ID = newId();

    it.each([
      [
        'a variant that does not exist',
        () => ({ variantId: newId(), quantity: 1 }),
        404,
        'VARIANT_NOT_FOUND',
      ],
      ['a variant that is not public', () => ({ variantId: draft, quantity: 1 }), 404, 'VARIANT_NOT_FOUND'],
      ['a malformed id', () => ({ variantId: 'x', quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['a number for an id', () => ({ variantId: 7, quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['an array for an id', () => ({ variantId: [VARIANT()], quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['no id', () => ({ quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['no quantity', () => ({ variantId: VARIANT() }), 400, 'VALIDATION_FAILED'],
      ['a quantity of zero', () => ({ variantId: VARIANT(), quantity: 0 }), 400, 'VALIDATION_FAILED'],
      ['a negative quantity', () => ({ variantId: VARIANT(), quantity: -1 }), 400, 'VALIDATION_FAILED'],
      ['a fraction', () => ({ variantId: VARIANT(), quantity: 1.5 }), 400, 'VALIDATION_FAILED'],
      ['a huge quantity', () => ({ variantId: VARIANT(), quantity: 1e300 }), 400, 'VALIDATION_FAILED'],
      [
        'a quantity past the limit',
        () => ({ variantId: VARIANT(), quantity: 201 }),
        409,
        'CART_LIMIT_EXCEEDED',
      ],
      ['text for a quantity', () => ({ variantId: VARIANT(), quantity: '1' }), 400, 'VALIDATION_FAILED'],
      ['null for a quantity', () => ({ variantId: VARIANT(), quantity: null }), 400, 'VALIDATION_FAILED'],
      ['an unknown field', () => ({ variantId: VARIANT(), quantity: 1, price: 1 }), 400, 'VALIDATION_FAILED'],
      ['a list', () => [], 400, 'VALIDATION_FAILED'],
      ['broken JSON', () => '{"variantId":', 400, 'REQUEST_MALFORMED'],
      ['a NUL character', () => '{"variantId":"\\u0000","quantity":1}', 400, 'REQUEST_MALFORMED'],
      ['__proto__', () => '{"__proto__":{"quantity":1}}', 400, 'REQUEST_MALFORMED'],
    ])('refuses to add %s', async (_, body, status, code) => {
      const before = await cartCount();
      const answer = await call('POST', '/lines', {}, body());
      expect([answer.status, answer.body['code']]).toEqual([status, code]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(await cartCount()).toBe(before);
    });

    it.each([
      ['PATCH', `/lines/${ID}`, { quantity: 1 }, 404, 'CART_LINE_NOT_FOUND'],
      ['PATCH', '/lines/x', { quantity: 1 }, 404, 'CART_LINE_NOT_FOUND'],
      ['PATCH', `/lines/${ID}`, { quantity: 0 }, 400, 'VALIDATION_FAILED'],
      ['PATCH', `/lines/${ID}`, { quantity: 100_001 }, 400, 'VALIDATION_FAILED'],
      ['PATCH', `/lines/${ID}`, { quantity: 201 }, 409, 'CART_LIMIT_EXCEEDED'],
      ['PATCH', `/lines/${ID}`, {}, 400, 'VALIDATION_FAILED'],
      ['PATCH', `/lines/${ID}`, undefined, 400, 'VALIDATION_FAILED'],
      ['DELETE', `/lines/${ID}`, undefined, 404, 'CART_LINE_NOT_FOUND'],
      ['DELETE', `/lines/${encodeURIComponent("' OR 1=1 --")}`, undefined, 404, 'CART_LINE_NOT_FOUND'],
      ['GET', '?currency=usd', undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '?currency=USD&currency=EUR', undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '?currency=', undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '?colour=red', undefined, 400, 'VALIDATION_FAILED'],
    ])('answers %s %s %j with %i %s', async (method, path, body, status, code) => {
      const guest = await newGuest();
      const answer = await call(method, path, guest, body);
      expect([answer.status, answer.body['code']]).toEqual([status, code]);
    });

    it.each(['', 'x', 'A'.repeat(500), '../../etc', 'é'])('takes the token %j for none', async (token) => {
      const answer = await api.get('/api/v1/cart', {
        headers: { cookie: `${COOKIE}=${encodeURIComponent(token)}` },
      });
      expect([answer.status, answer.body['id']]).toEqual([200, null]);
    });

    it('refuses an access token that is not valid rather than showing a guest’s cart', async () => {
      const answer = await show({ token: 'a.b.c', cart: (await newGuest()).cart });
      expect([answer.status, answer.body['code']]).toEqual([401, 'ACCESS_TOKEN_INVALID']);
    });
  });

  it('asks the database little', async () => {
    const user = await newUser();
    await add(user, variants[0]);
    const statements = async (work: () => Promise<ApiAnswer>) => {
      const count = async () => {
        const text = await app.app.get(Metrics).registry.metrics();
        const counts = [...text.matchAll(/^database_statements_total\{.*\} (\d+)$/gm)];
        return counts.reduce((sum, [, value]) => sum + Number(value), 0);
      };
      const before = await count();
      expect((await work()).status).toBeLessThan(300);
      return (await count()) - before;
    };
    // The cart with its lines and what is left of each; then names and prices.
    expect(await statements(() => show(user))).toBe(2);
    // The variant; BEGIN, the cart, the line, COMMIT. One more for the other variants of the cart.
    expect(await statements(() => add(user, variants[0]))).toBe(5);
    expect(await statements(() => add(user, variants[1]))).toBe(6);
  });
});
