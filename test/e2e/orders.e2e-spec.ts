import { PRICE_AMOUNT_MINOR_MAX } from '../../src/common/money.js';
import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';

describe('orders', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let api: ApiClient;
  let shop: Shop;
  let buyer: Buyer;

  beforeAll(async () => {
    services = await startTestServices();
    application = await startApp({
      services,
      env: {
        PAYMENT_PROVIDER_TIMEOUT_MS: '200',
        SWEEPER_INTERVAL_MS: '100',
        ORDER_LINE_QUANTITY_MAX: '10000',
        PAYMENT_RECONCILE_AFTER_MS: '300',
      },
    });
    api = new ApiClient(application.url);
    shop = new Shop(services.databaseUrl);
  });

  beforeEach(async () => {
    buyer = await shop.createBuyer();
  });

  afterAll(async () => {
    await shop.close();
    await application.close();
    await services.close();
  });

  const order = (variantId: string, quantity = 1, key: string = crypto.randomUUID(), who: Buyer = buyer) =>
    api.post(ORDERS, {
      token: who.token,
      key,
      body: { lines: [{ variantId, quantity }], shippingAddress: ADDRESS },
    });
  const pay = (
    orderId: string,
    token = 'tok_success',
    key: string = crypto.randomUUID(),
    who: Buyer = buyer,
  ) =>
    api.post(`${ORDERS}/${orderId}/payments`, { token: who.token, key, body: { provider: 'test', token } });
  const cancel = (orderId: string) => api.post(`${ORDERS}/${orderId}/cancel`, { token: buyer.token });
  const chargesOf = (orderId: string) =>
    shop.rows<{ charge_count: number; refund_count: number }>(
      `SELECT c.charge_count, c.refund_count FROM test_provider_charges c
       JOIN payment_intents i ON i.id = c.intent_id WHERE i.order_id = $1`,
      [orderId],
    );

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

  describe('payment', () => {
    it('turns the order into a paid one and takes the units off the shelf', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId, 2);
      const payment = await pay(String(body.id), 'tok_success', 'pay-once');
      expect([payment.status, payment.body.orderStatus]).toEqual([201, 'paid']);
      const repeated = await pay(String(body.id), 'tok_success', 'pay-once');
      expect([repeated.status, repeated.text]).toEqual([201, payment.text]);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 3, reserved: 0 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 3, reserved: 0 });
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 0 }]);
      const again = await pay(String(body.id), 'tok_success', 'pay-twice');
      expect([again.status, again.body.code, again.body.orderStatus]).toEqual([
        409,
        'ORDER_NOT_PAYABLE',
        'paid',
      ]);
    });

    it('keeps the reservation when the card is declined, and another card may follow', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      const declined = await pay(String(body.id), 'tok_decline', 'first-card');
      expect([declined.status, declined.body.code]).toEqual([402, 'PAYMENT_DECLINED']);
      expect((await pay(String(body.id), 'tok_decline', 'first-card')).text).toBe(declined.text);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
      expect((await pay(String(body.id), 'tok_success', 'second-card')).status).toBe(201);
    });

    it('resumes the same intent when the answer of the provider was lost, and charges once', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      const lost = await pay(String(body.id), 'tok_timeout', 'resumed');
      expect([lost.status, lost.body.code]).toEqual([503, 'PAYMENT_PROVIDER_TIMEOUT']);
      expect(lost.headers.get('retry-after')).not.toBeNull();
      const rival = await pay(String(body.id), 'tok_success', 'another-key');
      expect(['PAYMENT_IN_PROGRESS', 'ORDER_NOT_PAYABLE']).toContain(rival.body.code);
      const resumed = await pay(String(body.id), 'tok_timeout', 'resumed');
      expect([resumed.status, resumed.body.orderStatus]).toEqual([201, 'paid']);
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 0 }]);
    });

    it('is finished by the reconciler when nobody comes back', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      await pay(String(body.id), 'tok_timeout', 'forgotten');
      await waitFor('the reconciler', async () => {
        const { body: present } = await api.get(`${ORDERS}/${String(body.id)}`, { token: buyer.token });
        return present.status === 'paid';
      });
      const late = await pay(String(body.id), 'tok_timeout', 'forgotten');
      expect(late.status).toBe(201);
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 0 }]);
    });

    it('that the provider never got is voided by the reconciler and can never charge later', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      // The state of a process that died between the commit of the intent and the call.
      await shop.rows(
        `INSERT INTO payment_intents (id, order_id, provider, amount_minor, currency, idempotency_key, request_fingerprint, updated_at)
         VALUES (gen_random_uuid(), $1, 'test', 1999, 'USD', 'died', '\\x00', now() - interval '1 hour')`,
        [body.id],
      );
      await waitFor('the reconciler', async () => {
        const [intent] = await shop.rows<{ status: string }>(
          'SELECT status FROM payment_intents WHERE order_id = $1',
          [body.id],
        );
        return intent?.status === 'declined';
      });
      expect((await pay(String(body.id), 'tok_success', 'next-attempt')).status).toBe(201);
      const charges = await chargesOf(String(body.id));
      expect(charges.reduce((sum, { charge_count }) => sum + charge_count, 0)).toBe(1);
    });

    it('that comes after the reservation has ended is refunded, and says so', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      await pay(String(body.id), 'tok_timeout', 'too-late');
      await shop.rows("UPDATE orders SET reserved_until = now() - interval '1 second' WHERE id = $1", [
        body.id,
      ]);
      // Either the sweeper or the reconciler comes first; the outcome must be one of two, and consistent.
      await waitFor('an outcome', async () => {
        const [row] = await shop.rows<{ status: string }>('SELECT status FROM orders WHERE id = $1', [
          body.id,
        ]);
        return row?.status !== 'pending_payment';
      });
      const answer = await pay(String(body.id), 'tok_timeout', 'too-late');
      const [stock, charges] = [await shop.stockOf(variantId), await chargesOf(String(body.id))];
      if (answer.status === 201) {
        expect([stock, charges]).toEqual([
          { onHand: 4, reserved: 0 },
          [{ charge_count: 1, refund_count: 0 }],
        ]);
      } else {
        expect(answer.body.code).toBe('PAYMENT_LATE_REFUNDED');
        expect([stock, charges]).toEqual([
          { onHand: 5, reserved: 0 },
          [{ charge_count: 1, refund_count: 1 }],
        ]);
      }
    });

    it('started twenty times at once charges once', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => pay(String(body.id), 'tok_success', `attempt-${String(i % 4)}`)),
      );
      expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
      expect(answers.some(({ status }) => status === 201)).toBe(true);
      const charges = await chargesOf(String(body.id));
      expect(charges.reduce((sum, { charge_count }) => sum + charge_count, 0)).toBe(1);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 4, reserved: 0 });
    });
  });

  describe('cancellation', () => {
    it('of an unpaid order gives the reservation back; doing it again changes nothing', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId, 3);
      for (let i = 0; i < 2; i += 1) {
        const answer = await cancel(String(body.id));
        expect([answer.status, answer.body.status]).toEqual([200, 'cancelled']);
      }
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect((await pay(String(body.id))).body.code).toBe('ORDER_NOT_PAYABLE');
    });

    it('of a paid order restocks and refunds', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId, 2);
      await pay(String(body.id));
      const answer = await cancel(String(body.id));
      expect([answer.status, answer.body.status]).toEqual([200, 'refunded']);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 1 }]);
    });
  });

  it('expires an unpaid reservation and lets the units go', async () => {
    const variantId = await shop.createVariant(5);
    const { body } = await order(variantId, 2);
    await shop.rows("UPDATE orders SET reserved_until = now() - interval '1 second' WHERE id = $1", [
      body.id,
    ]);
    await waitFor('the sweeper', async () => (await shop.stockOf(variantId)).reserved === 0);
    expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
    expect((await api.get(`${ORDERS}/${String(body.id)}`, { token: buyer.token })).body.status).toBe(
      'expired',
    );
    expect((await cancel(String(body.id))).body.code).toBe('ORDER_NOT_CANCELLABLE');
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
