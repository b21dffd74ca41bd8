import type { ApiAnswer } from './api-client.js';
import { ApiClient } from './api-client.js';
import { type AppUnderTest, startApp } from './app-harness.js';
import { startTestServices, type TestServices } from './services/index.js';
import { ADDRESS, type Buyer, Shop } from './shop.builder.js';

export const ORDERS = '/api/v1/orders';

/** The application with a shop to order in, and short pauses wherever it waits by itself. */
export class OrdersUnderTest {
  private constructor(
    private readonly services: TestServices,
    private readonly application: AppUnderTest,
    readonly api: ApiClient,
    readonly shop: Shop,
  ) {}

  static async start(): Promise<OrdersUnderTest> {
    const services = await startTestServices();
    const application = await startApp({
      services,
      env: {
        PAYMENT_PROVIDER_TIMEOUT_MS: '200',
        SWEEPER_INTERVAL_MS: '100',
        ORDER_LINE_QUANTITY_MAX: '10000',
        PAYMENT_RECONCILE_AFTER_MS: '300',
      },
    });
    const shop = new Shop(services.databaseUrl);
    return new OrdersUnderTest(services, application, new ApiClient(application.url), shop);
  }

  order(who: Buyer, variantId: string, quantity = 1, key: string = crypto.randomUUID()): Promise<ApiAnswer> {
    return this.api.post(ORDERS, {
      token: who.token,
      key,
      body: { lines: [{ variantId, quantity }], shippingAddress: ADDRESS },
    });
  }

  pay(
    who: Buyer,
    orderId: string,
    token = 'tok_success',
    key: string = crypto.randomUUID(),
  ): Promise<ApiAnswer> {
    const body = { provider: 'test', token };
    return this.api.post(`${ORDERS}/${orderId}/payments`, { token: who.token, key, body });
  }

  async close(): Promise<void> {
    await this.shop.close();
    await this.application.close();
    await this.services.close();
  }
}
