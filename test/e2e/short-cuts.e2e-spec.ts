import { randomUUID } from 'node:crypto';
import { ShortCuts } from '../../src/core/short-cut/index.js';
import { ApiClient, type ApiRequest } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';

const NOBODYS = '00000000-0000-7000-8000-000000000001';

describe('an order placed by the short cut, and one placed through Nest', () => {
  let services: TestServices;
  let shop: Shop;
  let apps: { short: AppUnderTest; long: AppUnderTest };
  let buyer: Buyer;
  let variantId: string;
  let soldOutId: string;
  /** Requests that the short cut has answered. */
  let shortCount = 0;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    apps = { short: await startApp({ services }), long: await startApp({ services }) };
    Object.assign(apps.long.app.get(ShortCuts), { find: () => undefined });
    const source = apps.short.app.get(ShortCuts).find('place-order');
    if (source === undefined) throw new Error('there is no short cut');
    const { answer } = source;
    const counted: typeof answer = (...args) => {
      shortCount += 1;
      return answer(...args);
    };
    Object.assign(source, { answer: counted });

    buyer = await shop.createBuyer();
    variantId = await shop.createVariant(1000);
    soldOutId = await shop.createVariant(0);
  });

  afterAll(async () => {
    await Promise.all([apps.short.close(), apps.long.close()]);
    await shop.close();
    await services.close();
  });

  const order = (way: keyof typeof apps, request: ApiRequest) =>
    new ApiClient(apps[way].url).post('/api/v1/orders', {
      token: buyer.token,
      key: randomUUID(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
      ...request,
    });

  /** What a client can tell apart, without what differs between any two orders. */
  const seen = async (way: keyof typeof apps, request: ApiRequest) => {
    const { status, headers, body } = await order(way, request);
    for (const name of ['id', 'number', 'reservedUntil', 'createdAt', 'requestId', 'traceId'])
      if (name in body) body[name] = typeof body[name];
    return { status, names: [...headers.keys()].sort(), type: headers.get('content-type'), body };
  };
  const withBody = (change: object) => ({
    body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS, ...change },
  });

  const PLAIN: [string, () => ApiRequest, number][] = [
    ['a plain order', () => ({}), 201],
    ['upper-case ids', () => withBody({ lines: [{ variantId: variantId.toUpperCase(), quantity: 2 }] }), 201],
    ['a variant in two lines', () => withBody({ lines: [line(1), line(2)] }), 201],
    ['too many units', () => withBody({ lines: [{ variantId: soldOutId, quantity: 1 }] }), 409],
    ['an unknown variant', () => withBody({ lines: [{ variantId: NOBODYS, quantity: 1 }] }), 404],
    ['another currency', () => withBody({ currency: 'CHF' }), 422],
    ['a cart that is not there', () => ({ body: { cartId: randomUUID(), shippingAddress: ADDRESS } }), 404],
  ];
  const line = (quantity: number) => ({ variantId, quantity });

  it.each(PLAIN)('are answered alike: %s', async (_, request, status) => {
    const before = shortCount;
    const short = await seen('short', request());
    expect(shortCount).toBe(before + 1);
    expect(short).toEqual(await seen('long', request()));
    expect(short.status).toBe(status);
  });

  it.each([
    ['no key', () => ({ key: undefined }), 400],
    ['a key with a space', () => ({ key: 'a b' }), 400],
    ['no token', () => ({ token: undefined }), 401],
    ['a forged token', () => ({ token: buyer.token.slice(0, -6) + 'AAAAAA' }), 401],
    ['no lines', () => withBody({ lines: [] }), 400],
    ['an unknown field', () => withBody({ coupon: 'FREE' }), 400],
    ['a null cart', () => withBody({ cartId: null }), 400],
    ['a cart and lines', () => withBody({ cartId: randomUUID() }), 400],
    ['too many of one variant', () => withBody({ lines: [line(60), line(60)] }), 400],
    ['a broken body', () => ({ body: '{"lines":' }), 400],
  ] as [string, () => ApiRequest, number][])('are refused alike: %s', async (_, request, status) => {
    const before = shortCount;
    const short = await seen('short', request());
    expect(shortCount).toBe(before);
    expect(short).toEqual(await seen('long', request()));
    expect(short.status).toBe(status);
  });

  it('share one memory of their keys', async () => {
    const key = randomUUID();
    const [first, again, other] = [
      await order('short', { key }),
      await order('long', { key }),
      await order('short', { key, ...withBody({ lines: [line(2)] }) }),
    ];
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(other.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('take a body in any order of its fields for the same', async () => {
    const key = randomUUID();
    const reversed = Object.fromEntries(Object.entries(ADDRESS).reverse());
    const first = await order('short', { key });
    const again = await order('long', { key, ...withBody({ shippingAddress: reversed }) });
    expect([again.status, again.text]).toEqual([201, first.text]);
  });
});
