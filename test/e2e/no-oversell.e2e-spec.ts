import { ApiClient, type ApiAnswer } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { SeededRandom } from '../support/seeded-random.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const PROCESSES = 3;
const BUYERS = 2000;
const UNITS = 100;
const UNITS_PER_BUYER_MAX = 3;
const CONCURRENCY = 200;
const ATTEMPTS_MAX = 40;
const SEED = 20261122;

interface Purchase {
  readonly buyer: Buyer;
  readonly key: string;
  readonly quantity: number;
  /** Every 201 that the buyer was given, the duplicates' too. */
  readonly placed: ApiAnswer[];
  intention: 'pay' | 'cancel' | 'let-expire';
}

/**
 * The promise of the product, on real processes: whatever dies on the way, no unit is sold twice and
 * none gets lost, and what a buyer was told is true.
 */
describe('a flash sale over three processes, one of which is killed', () => {
  let services: TestServices;
  let shop: Shop;
  let processes: AppProcess[];
  const random = new SeededRandom(SEED);

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    const environment = testEnvironment(services, {
      RESERVATION_TTL_SECONDS: '2',
      SWEEPER_INTERVAL_MS: '200',
      PAYMENT_PROVIDER_TIMEOUT_MS: '500',
      PAYMENT_RECONCILE_AFTER_MS: '1000',
    });
    processes = await Promise.all(Array.from({ length: PROCESSES }, () => AppProcess.start(environment)));
  });

  afterAll(async () => {
    await Promise.all(processes.map((each) => each.stop()));
    await shop.close();
    await services.close();
  });

  /** Sends to a process of chance; a lost answer is asked for again with the same key, as a client must. */
  async function send(path: string, request: Parameters<ApiClient['post']>[1]): Promise<ApiAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const target = processes[random.below(PROCESSES)];
      if (target === undefined) throw new Error('there is no process');
      try {
        const answer = await new ApiClient(target.url).post(path, request);
        const isTransient =
          answer.status >= 500 ||
          answer.body.code === 'IDEMPOTENCY_KEY_IN_PROGRESS' ||
          answer.body.code === 'PAYMENT_IN_PROGRESS';
        if (!isTransient || attempt === ATTEMPTS_MAX) return answer;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function buy(purchase: Purchase, variantId: string): Promise<void> {
    const { buyer, key, quantity } = purchase;
    const request = {
      token: buyer.token,
      key,
      body: { lines: [{ variantId, quantity }], shippingAddress: ADDRESS },
    };
    const duplicates = random.next() < 0.3 ? 2 : 1;
    const answers = await Promise.all(
      Array.from({ length: duplicates }, () => send('/api/v1/orders', request)),
    );
    for (const answer of answers) {
      if (answer.status === 201) purchase.placed.push(answer);
      else expect([answer.status, answer.body.code]).toEqual([409, 'ORDER_OUT_OF_STOCK']);
    }
    const orderId = purchase.placed[0]?.body.id as string | undefined;
    if (orderId === undefined) return;
    if (purchase.intention === 'pay') {
      await send(`/api/v1/orders/${orderId}/payments`, {
        token: buyer.token,
        key: `pay-${key}`,
        body: { provider: 'test', token: random.next() < 0.1 ? 'tok_timeout' : 'tok_success' },
      });
    } else if (purchase.intention === 'cancel') {
      await send(`/api/v1/orders/${orderId}/cancel`, { token: buyer.token });
    }
  }

  it('sells each unit at most once, and every answer it gave is true', async () => {
    const variantId = await shop.createVariant(UNITS);
    const buyers = await shop.createBuyers(BUYERS);
    const purchases = buyers.map((buyer, index): Purchase => {
      const choice = random.next();
      return {
        buyer,
        key: `purchase-${String(index)}`,
        quantity: 1 + random.below(UNITS_PER_BUYER_MAX),
        placed: [],
        intention: choice < 0.5 ? 'pay' : choice < 0.75 ? 'cancel' : 'let-expire',
      };
    });

    let next = 0;
    const accident: { restart?: Promise<void> } = {};
    await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => {
        for (let purchase = purchases[next++]; purchase !== undefined; purchase = purchases[next++]) {
          if (next > BUYERS / 2) {
            accident.restart ??= (async () => {
              const victim = processes[0];
              await victim?.stop('SIGKILL');
              await victim?.start();
            })();
          }
          await buy(purchase, variantId);
        }
      }),
    );
    await accident.restart;
    await waitFor(
      'all reservations to end',
      async () => (await shop.stockOf(variantId)).reserved === 0,
      30_000,
    );

    const stock = await shop.stockOf(variantId);
    const sold = await shop.unitsIn(variantId, 'paid');
    expect(stock).toEqual({ onHand: UNITS - sold, reserved: 0 });
    expect(await shop.ledgerOf(variantId)).toEqual(stock);

    const stored = new Map(
      (await shop.rows<{ id: string; user_id: string }>('SELECT id, user_id FROM orders')).map(
        ({ id, user_id }) => [id, user_id],
      ),
    );
    for (const { buyer, placed } of purchases) {
      for (const answer of placed) {
        expect(stored.get(answer.body.id as string)).toBe(buyer.userId);
        expect(answer.text).toBe(placed[0]?.text);
      }
    }
    const [perBuyer] = await shop.rows<{ most: number }>(
      'SELECT coalesce(max(n), 0)::integer AS most FROM (SELECT count(*) AS n FROM orders GROUP BY user_id) AS per_buyer',
    );
    expect(perBuyer?.most).toBe(1);

    const charges = await shop.rows<{ order_status: string; charged: number; refunded: number }>(
      `SELECT o.status AS order_status, sum(c.charge_count)::integer AS charged, sum(c.refund_count)::integer AS refunded
       FROM test_provider_charges c JOIN payment_intents i ON i.id = c.intent_id JOIN orders o ON o.id = i.order_id
       GROUP BY o.id`,
    );
    for (const { order_status, charged, refunded } of charges) {
      expect([order_status, charged - refunded]).toEqual([order_status, order_status === 'paid' ? 1 : 0]);
    }
    expect(sold).toBeGreaterThan(0);
  }, 240_000);
});
