import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';
const BREAKERS = '/api/v1/admin/circuit-breakers';
const MINIMUM_CALLS = 5;

describe('the circuit breaker of the payment provider', () => {
  let services: TestServices;
  let [first, second]: AppUnderTest[] = [];
  let [api, other]: ApiClient[] = [];
  let shop: Shop;
  let buyer: Buyer;
  let admin: Buyer;

  const start = (env: Record<string, string> = {}) =>
    startApp({
      services,
      env: {
        PAYMENT_PROVIDER_TIMEOUT_MS: '300',
        PAYMENT_RECONCILE_AFTER_MS: '3600000',
        SWEEPER_INTERVAL_MS: '100',
        CIRCUIT_BREAKER_MINIMUM_CALLS: String(MINIMUM_CALLS),
        CIRCUIT_BREAKER_OPEN_MS: '1500',
        CIRCUIT_BREAKER_PROBES: '1',
        CIRCUIT_BREAKER_QUORUM: '1',
        CIRCUIT_BREAKER_POLL_MS: '200',
        ...env,
      },
    });

  beforeAll(async () => {
    services = await startTestServices();
    [first, second] = await Promise.all([start(), start()]);
    [api, other] = [new ApiClient(first.url), new ApiClient(second.url)];
    shop = new Shop(services.databaseUrl);
    admin = await shop.createBuyer('admin');
  });

  beforeEach(async () => {
    buyer = await shop.createBuyer();
    await waitFor('a fresh breaker', async () => (await setMode('automatic')).status === 200);
  });

  afterAll(async () => {
    await shop.close();
    await Promise.all([first?.close(), second?.close()]);
    await services.close();
  });

  const setMode = (mode: string, client = api, who = admin) =>
    client!.put(`${BREAKERS}/payments-test`, { token: who.token, body: { mode } });
  const breakerAt = async (client: ApiClient | undefined) => {
    const { body } = await client!.get(BREAKERS, { token: admin.token });
    return (body.items as { name: string; state: string; mode: string; isShared: boolean }[]).find(
      ({ name }) => name === 'payments-test',
    );
  };
  const order = async (): Promise<string> => {
    const variantId = await shop.createVariant(5);
    const { body } = await api!.post(ORDERS, {
      token: buyer.token,
      key: crypto.randomUUID(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    return String(body.id);
  };
  const pay = (orderId: string, token: string, key: string = crypto.randomUUID(), client = api) =>
    client!.post(`${ORDERS}/${orderId}/payments`, {
      token: buyer.token,
      key,
      body: { provider: 'test', token },
    });
  const intentsOf = (orderId: string) =>
    shop.rows<{ status: string }>('SELECT status FROM payment_intents WHERE order_id = $1', [orderId]);
  const reservedUntil = async (orderId: string) => {
    const [row] = await shop.rows<{ reserved_until: Date }>(
      'SELECT reserved_until FROM orders WHERE id = $1',
      [orderId],
    );
    return row?.reserved_until.getTime() ?? 0;
  };
  /** An outage of the provider, told by its failures. */
  const breakProvider = async () => {
    for (let i = 0; i < MINIMUM_CALLS; i += 1) {
      const { status, body } = await pay(await order(), 'tok_outage');
      expect([status, body.code]).toEqual([503, 'PAYMENT_PROVIDER_UNAVAILABLE']);
    }
  };

  it('opens during an outage, on every process, and refuses without leaving a trace of the payment', async () => {
    const orderId = await order();
    const heldUntil = await reservedUntil(orderId);
    await breakProvider();
    for (const client of [api, other]) {
      await waitFor('the open circuit', async () => (await breakerAt(client))?.state === 'open');
      const answer = await pay(orderId, 'tok_success', 'during-the-outage', client);
      expect([answer.status, answer.body.code]).toEqual([503, 'PAYMENT_PROVIDER_UNAVAILABLE']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect(await intentsOf(orderId)).toEqual([]);
    expect(await reservedUntil(orderId)).toBe(heldUntil);

    // The same key, and no other payment in its way, once the provider is back.
    await waitFor(
      'the recovery',
      async () => (await pay(orderId, 'tok_success', 'during-the-outage', other)).status === 201,
    );
    expect(await intentsOf(orderId)).toEqual([{ status: 'succeeded' }]);
    // A probe that a busy machine makes slow opens the circuit once more: buyers keep coming.
    await waitFor('the closed circuit', async () => {
      if ((await breakerAt(api))?.state === 'closed') return true;
      await pay(await order(), 'tok_success', crypto.randomUUID(), other);
      return false;
    });
  });

  it('still gives the stored answer of a payment, and keeps an intent that was sent before', async () => {
    const [paid, unsure] = [await order(), await order()];
    const payment = await pay(paid, 'tok_success', 'before');
    expect((await pay(unsure, 'tok_timeout', 'unsure')).body.code).toBe('PAYMENT_PROVIDER_TIMEOUT');
    expect((await setMode('forced_open')).status).toBe(200);
    const repeated = await pay(paid, 'tok_success', 'before');
    expect([repeated.status, repeated.text]).toEqual([201, payment.text]);
    const refused = await pay(unsure, 'tok_timeout', 'unsure');
    expect([refused.status, refused.body.code]).toEqual([503, 'PAYMENT_PROVIDER_UNAVAILABLE']);
    expect(await intentsOf(unsure)).toEqual([{ status: 'processing' }]);
    await setMode('automatic');
    const resumed = await pay(unsure, 'tok_timeout', 'unsure');
    expect([resumed.status, resumed.body.orderStatus]).toEqual([201, 'paid']);
  });

  it('lets the reservation end at its time while it is open', async () => {
    await setMode('forced_open');
    const orderId = await order();
    expect((await pay(orderId, 'tok_success')).status).toBe(503);
    await shop.rows("UPDATE orders SET reserved_until = now() - interval '1 second' WHERE id = $1", [
      orderId,
    ]);
    await waitFor('the expiry', async () => {
      const { body } = await api!.get(`${ORDERS}/${orderId}`, { token: buyer.token });
      return body.status === 'expired';
    });
    expect((await pay(orderId, 'tok_success')).body.code).toBe('ORDER_NOT_PAYABLE');
  });

  it('does not open on declined cards', async () => {
    for (let i = 0; i < 2 * MINIMUM_CALLS; i += 1)
      expect((await pay(await order(), 'tok_decline')).status).toBe(402);
    expect((await breakerAt(api))?.state).toBe('closed');
  });

  it('is set for every process by an administrator', async () => {
    const answer = await setMode('forced_open');
    expect([answer.status, answer.body]).toMatchObject([200, { name: 'payments-test', mode: 'forced_open' }]);
    await waitFor('the other process', async () => (await breakerAt(other))?.mode === 'forced_open');
    expect((await pay(await order(), 'tok_success', 'forced', other)).status).toBe(503);
    expect((await setMode('metrics_only', other)).status).toBe(200);
    await waitFor('the first process', async () => (await breakerAt(api))?.mode === 'metrics_only');
    await breakProvider();
    expect((await pay(await order(), 'tok_success')).status).toBe(201);
  });

  it('is neither shown to nor set by others, and refuses what is no mode and no breaker', async () => {
    expect((await api!.get(BREAKERS, { token: buyer.token })).body.code).toBe('PERMISSION_DENIED');
    expect((await setMode('forced_open', api, buyer)).body.code).toBe('PERMISSION_DENIED');
    expect((await api!.get(BREAKERS)).status).toBe(401);
    for (const body of [{ mode: 'closed' }, { mode: null }, {}, { mode: 'automatic', more: 1 }]) {
      const answer = await api!.put(`${BREAKERS}/payments-test`, { token: admin.token, body });
      expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    }
    for (const name of ['nobody', '__proto__', 'constructor']) {
      const answer = await api!.put(`${BREAKERS}/${name}`, {
        token: admin.token,
        body: { mode: 'automatic' },
      });
      expect([answer.status, answer.body.code]).toEqual([404, 'CIRCUIT_BREAKER_NOT_FOUND']);
    }
  });

  it('switched off, lets payments through, and says so', async () => {
    const application = await start({ FEATURE_CIRCUIT_BREAKER: 'false' });
    try {
      const client = new ApiClient(application.url);
      for (let i = 0; i < 2 * MINIMUM_CALLS; i += 1)
        await pay(await order(), 'tok_outage', undefined, client);
      expect((await pay(await order(), 'tok_success', undefined, client)).status).toBe(201);
      expect(await breakerAt(client)).toMatchObject({ mode: 'disabled', isShared: false });
      expect((await setMode('forced_open', client)).body.code).toBe('CIRCUIT_BREAKER_SWITCHED_OFF');
    } finally {
      await application.close();
    }
  });
});
