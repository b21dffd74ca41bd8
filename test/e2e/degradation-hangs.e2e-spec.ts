import { Metrics } from '../../src/infrastructure/metrics/index.js';
import type { ApiRequest } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { ImpatientClient } from '../support/impatient-client.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { type Buyer, Shop } from '../support/shop.builder.js';
import { expectProblem } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

/** Whatever hangs without anything being lost is bounded, too. */
describe('with work that hangs', () => {
  let services: TestServices;
  let application: AppUnderTest;
  let api: ImpatientClient;
  let shop: Shop;
  let buyer: Buyer;

  async function begin(env: Record<string, string>): Promise<void> {
    services = await startTestServices();
    application = await startApp({ services, env });
    api = new ImpatientClient(application.url);
    shop = new Shop(services.databaseUrl);
    buyer = await shop.createBuyer();
  }

  afterEach(async () => {
    await shop.close();
    await application.close();
    await services.close();
  });

  it('behind the lock of another session: its request is refused in time, the others go on, and the same key succeeds later', async () => {
    await begin({ DATABASE_ACQUIRE_TIMEOUT_MS: '1000', DATABASE_STATEMENT_TIMEOUT_MS: '1000' });
    const [stuck, free] = [await shop.createVariant(5), await shop.createVariant(5)];
    expect((await api.post('/api/v1/cart/lines', cartLine(stuck))).status).toBe(201);
    await shop.withStockHeld(stuck, async (_, holder) => {
      await holder.query('SELECT 1 FROM carts WHERE user_id = $1 FOR UPDATE', [buyer.userId]);
      const [order, cart, catalogue] = await Promise.all([
        api.order(buyer, stuck, 'stuck'),
        api.post('/api/v1/cart/lines', cartLine(free)),
        api.get('/api/v1/products?limit=7'),
      ]);
      expectProblem(order, 503, 'DATABASE_UNAVAILABLE');
      expectProblem(cart, 503, 'DATABASE_UNAVAILABLE');
      expect(catalogue.status).toBe(200);
      expect((await api.order(buyer, free)).status).toBe(201);
    });
    expect((await api.order(buyer, stuck, 'stuck')).status).toBe(201);
    expect((await api.post('/api/v1/cart/lines', cartLine(free))).status).toBe(201);
    expect(await shop.stockOf(stuck)).toEqual({ onHand: 5, reserved: 1 });
  });

  it('longer than the deadline of its answer: the client gets 503, the work goes on, and the same key tells what came of it', async () => {
    await begin({
      DATABASE_STATEMENT_TIMEOUT_MS: '10000',
      ORDER_DEADLINE_MS: '10000',
      REQUEST_DEADLINE_MS: '300',
    });
    const variantId = await shop.createVariant(5);
    await shop.withStockHeld(variantId, async () => {
      const answer = await api.order(buyer, variantId, 'overdue');
      expectProblem(answer, 503, 'REQUEST_DEADLINE_EXCEEDED');
      expect(answer.headers.get('retry-after')).toBe('1');
    });
    await waitFor('the order to be placed behind that answer', async () => {
      const { reserved } = await shop.stockOf(variantId);
      return reserved === 1;
    });
    const retry = await api.order(buyer, variantId, 'overdue');
    expect([retry.status, retry.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
    expect(await application.app.get(Metrics).registry.metrics()).toContain(
      'http_deadlines_exceeded_total{method="POST",route="/api/v1/orders"} 1',
    );
  });

  const cartLine = (variantId: string): ApiRequest => ({
    token: buyer.token,
    body: { variantId, quantity: 1 },
  });
});
