import { PRICE_AMOUNT_MINOR_MAX } from '../../src/common/money.js';
import type { ApiClient } from '../support/api-client.js';
import { ORDERS, OrdersUnderTest } from '../support/orders-under-test.js';
import { ADDRESS, type Buyer, type Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

describe('orders', () => {
  let orders: OrdersUnderTest;
  let api: ApiClient;
  let shop: Shop;
  let buyer: Buyer;

  beforeAll(async () => {
    orders = await OrdersUnderTest.start();
    ({ api, shop } = orders);
  });

  beforeEach(async () => {
    buyer = await shop.createBuyer();
  });

  afterAll(() => orders.close());

  const order = (variantId: string, quantity = 1, key?: string, who: Buyer = buyer) =>
    orders.order(who, variantId, quantity, key);
  const pay = (orderId: string, token?: string, key?: string, who: Buyer = buyer) =>
    orders.pay(who, orderId, token, key);

  it('reserves the units and answers the order with its lines and totals', async () => {
    const variantId = await shop.createVariant(5);
    const answer = await order(variantId, 2);
    expect(answer.status).toBe(201);
    const usd = (amount: number) => ({ amount, currency: 'USD' });
    expect(answer.body).toMatchObject({
      status: 'pending_payment',
      lines: [{ variantId, quantity: 2, unitPrice: usd(1999), total: usd(3998) }],
      totals: { subtotal: usd(3998), discount: usd(0), shipping: usd(0), tax: usd(0), total: usd(3998) },
    });
    expect(answer.body.number).toMatch(/^[0-9A-Z]{9}-[0-9A-Z]{6}$/);
    expect(Date.parse(String(answer.body.reservedUntil)) - Date.parse(String(answer.body.createdAt))).toBe(
      600_000,
    );
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
    expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
  });

  it('is all or nothing, and lists each short line with what is left', async () => {
    const [plenty, scarce] = [await shop.createVariant(10), await shop.createVariant(1)];
    const answer = await api.post(ORDERS, {
      token: buyer.token,
      key: 'all-or-nothing',
      body: {
        lines: [
          { variantId: plenty, quantity: 1 },
          { variantId: scarce, quantity: 3 },
        ],
        shippingAddress: ADDRESS,
      },
    });
    expect(answer.status).toBe(409);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({
      code: 'ORDER_OUT_OF_STOCK',
      shortages: [{ variantId: scarce, requested: 3, available: 1 }],
    });
    expect(await shop.stockOf(plenty)).toEqual({ onHand: 10, reserved: 0 });
  });

  it('answers a repeated key with the same bytes and has one effect', async () => {
    const variantId = await shop.createVariant(5);
    const answers = await Promise.all(Array.from({ length: 8 }, () => order(variantId, 1, 'repeated')));
    for (const answer of answers) {
      expect(answer.status).toBe(201);
      expect(answer.text).toBe(answers[0]?.text);
    }
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
  });

  it('refuses a key that comes with another body, and a request without a key', async () => {
    const variantId = await shop.createVariant(5);
    await order(variantId, 1, 'one-body');
    expect((await order(variantId, 2, 'one-body')).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    const keyless = await api.post(ORDERS, {
      token: buyer.token,
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    expect([keyless.status, keyless.body.code]).toEqual([400, 'IDEMPOTENCY_KEY_REQUIRED']);
  });

  it('keeps the keys of two buyers apart', async () => {
    const variantId = await shop.createVariant(5);
    const other = await shop.createBuyer();
    const [mine, theirs] = [
      await order(variantId, 1, 'same-key'),
      await order(variantId, 1, 'same-key', other),
    ];
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(mine.body.id).not.toBe(theirs.body.id);
  });

  it('does not store a refusal for lack of stock: the same key buys after a restock', async () => {
    const variantId = await shop.createVariant(0);
    expect((await order(variantId, 1, 'patient')).status).toBe(409);
    await shop.rows('UPDATE stock_items SET on_hand = 1 WHERE variant_id = $1', [variantId]);
    await waitFor(
      'the restock to be seen',
      async () => (await order(variantId, 1, 'patient')).status === 201,
      1500,
    );
  });

  it("hides other people's orders", async () => {
    const variantId = await shop.createVariant(5);
    const { body } = await order(variantId);
    const stranger = await shop.createBuyer();
    for (const answer of [
      await api.get(`${ORDERS}/${String(body.id)}`, { token: stranger.token }),
      await pay(String(body.id), 'tok_success', 'theirs', stranger),
      await api.post(`${ORDERS}/${String(body.id)}/cancel`, { token: stranger.token }),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([404, 'ORDER_NOT_FOUND']);
    }
    expect((await api.get(ORDERS, { token: stranger.token })).body.items).toEqual([]);
  });

  it('lists the own orders page by page, newest first', async () => {
    const variantId = await shop.createVariant(10);
    const placed: string[] = [];
    for (let i = 0; i < 5; i += 1) placed.unshift(String((await order(variantId)).body.id));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await api.get(`${ORDERS}?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`, {
        token: buyer.token,
      });
      seen.push(...(page.body.items as { id: string }[]).map(({ id }) => id));
      cursor = page.body.nextCursor as string | null;
    } while (cursor !== null);
    expect(seen).toEqual(placed);
  });

  it('takes the lines out of a cart, and answers the repeated key although the cart is empty then', async () => {
    const variantId = await shop.createVariant(5);
    const { body: cart } = await api.post('/api/v1/cart/lines', {
      token: buyer.token,
      body: { variantId, quantity: 2 },
    });
    const request = {
      token: buyer.token,
      key: 'cart',
      body: { cartId: cart.id as string, shippingAddress: ADDRESS },
    };
    const placed = await api.post(ORDERS, request);
    expect([placed.status, placed.body.lines]).toMatchObject([201, [{ variantId, quantity: 2 }]]);
    expect((await api.get('/api/v1/cart', { token: buyer.token })).body.lines).toEqual([]);
    const repeated = await api.post(ORDERS, request);
    expect([repeated.status, repeated.text]).toEqual([201, placed.text]);
    const another = await api.post(ORDERS, { ...request, key: 'cart-again' });
    expect([another.status, another.body.code]).toEqual([409, 'CART_EMPTY']);
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 2 });
  });

  it('orders one cart once, whatever keys come for it at the same time', async () => {
    const variantId = await shop.createVariant(20);
    const { body: cart } = await api.post('/api/v1/cart/lines', {
      token: buyer.token,
      body: { variantId, quantity: 2 },
    });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        api.post(ORDERS, {
          token: buyer.token,
          key: `rush-${String(i)}`,
          body: { cartId: cart.id as string, shippingAddress: ADDRESS },
        }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const { status, body } of answers)
      if (status !== 201) expect(['CART_CHANGED', 'CART_EMPTY']).toContain(body.code);
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 20, reserved: 2 });
  });

  it('counts the lines of one variant together against the largest quantity', async () => {
    const variantId = await shop.createVariant(1000);
    const line = { variantId, quantity: 6000 };
    const answer = await api.post(ORDERS, {
      token: buyer.token,
      key: 'sum',
      body: { lines: [line, line], shippingAddress: ADDRESS },
    });
    expect([answer.status, answer.body.errors]).toMatchObject([400, [{ pointer: '/lines/1/quantity' }]]);
  });

  it('refuses an address whose lines are blank or more than one, which a label could not show', async () => {
    const variantId = await shop.createVariant(1);
    const address = { ...ADDRESS, name: 'Ada\nByron', line1: 'Calle\u2028Mayor', line2: ' ', city: '\t' };
    const answer = await api.post(ORDERS, {
      token: buyer.token,
      key: 'address',
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: address },
    });
    const wrong = ['name', 'line1', 'line2', 'city'].map((field) => ({
      pointer: `/shippingAddress/${field}`,
    }));
    expect([answer.status, answer.body.errors]).toMatchObject([400, wrong]);
  });

  it('refuses what does not exist, has no price or costs too much, without touching the neighbours of the batch', async () => {
    const variantId = await shop.createVariant(50);
    const euros = await shop.createVariant(50, { currency: 'EUR' });
    const palaces = await shop.createVariant(10_000, { priceMinor: PRICE_AMOUNT_MINOR_MAX });
    const [good, unknown, priceless, beyondCounting] = await Promise.all([
      order(variantId),
      order('01890000-0000-7000-8000-000000000000'),
      order(euros),
      order(palaces, 10_000),
    ]);
    expect([beyondCounting.status, beyondCounting.body.code]).toEqual([422, 'ORDER_TOTAL_TOO_LARGE']);
    expect(await shop.stockOf(palaces)).toEqual({ onHand: 10_000, reserved: 0 });
    expect(good.status).toBe(201);
    expect([unknown.status, unknown.body.code]).toEqual([404, 'VARIANT_NOT_FOUND']);
    expect([priceless.status, priceless.body.code]).toEqual([422, 'CURRENCY_NOT_SUPPORTED']);
  });

  it('puts an order that spoils its batch aside and places the others', async () => {
    const variantId = await shop.createVariant(50);
    const [ghost] = await shop.createBuyers(1);
    await shop.rows('DELETE FROM users WHERE id = $1', [ghost?.userId]);
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, () => order(variantId)),
      order(variantId, 1, 'ghost', ghost),
      ...Array.from({ length: 10 }, () => order(variantId)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array<number>(10).fill(201),
      401,
      ...Array<number>(10).fill(201),
    ]);
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 50, reserved: 20 });
  });
});
