import { CatalogWriter } from '../../src/modules/catalog/index.js';
import { StockService } from '../../src/modules/inventory/index.js';
import { type ApiAnswer, ApiClient } from './api-client.js';
import { type AppUnderTest, startApp } from './app-harness.js';
import { startTestServices, type TestServices } from './services/index.js';
import { type Buyer, Shop } from './shop.builder.js';

export const CART_COOKIE = '__Host-caudal_cart';
export const LINES_MAX = 5;
export const QUANTITY_MAX = 200;

/** What a client holds: a token of its own, a guest's token, or both. */
export interface Visitor {
  readonly token?: string;
  readonly cart?: string;
  readonly cookie?: string;
}

/** The application with eight variants that carts may hold, and small limits. */
export class CartUnderTest {
  readonly api: ApiClient;
  readonly shop: Shop;

  private constructor(
    readonly services: TestServices,
    readonly app: AppUnderTest,
    /** Each costs 10.00 USD and 9.00 EUR and has 100 units; the last of them has no price in EUR. */
    readonly variants: readonly string[],
    /** A variant that is not public. */
    readonly draft: string,
  ) {
    this.api = new ApiClient(app.url);
    this.shop = new Shop(services.databaseUrl);
  }

  static async start(): Promise<CartUnderTest> {
    const services = await startTestServices();
    const app = await startApp({
      services,
      env: {
        // No background work: its statements would be counted with ours.
        ROLE: 'api',
        ORDER_LINES_MAX: String(LINES_MAX),
        ORDER_LINE_QUANTITY_MAX: String(QUANTITY_MAX),
        PUBLIC_ORIGINS: 'https://shop.example',
      },
    });

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
    const variants = ids[0] ?? [];
    const draft = ids[1]?.[0] ?? '';
    await app.app
      .get(StockService, { strict: false })
      .setInitialStock(variants.map((variantId) => ({ variantId, onHand: 100 })));
    return new CartUnderTest(services, app, variants, draft);
  }

  call(
    method: string,
    path: string,
    visitor: Visitor,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer> {
    return this.api.request(method, `/api/v1/cart${path}`, {
      headers: { ...headersOf(visitor), ...headers },
      ...(visitor.token === undefined ? {} : { token: visitor.token }),
      ...(body === undefined ? {} : { body }),
    });
  }

  show(visitor: Visitor, query = ''): Promise<ApiAnswer> {
    return this.call('GET', query, visitor);
  }

  add(visitor: Visitor, variantId: unknown, quantity: unknown = 1, query = ''): Promise<ApiAnswer> {
    return this.call('POST', `/lines${query}`, visitor, { variantId, quantity });
  }

  newUser(): Promise<Buyer> {
    return this.shop.createBuyer();
  }

  /** A guest with one unit of each variant; of the first when none is named. */
  async newGuest(...variantIds: string[]): Promise<{ cart: string }> {
    const first = await this.add({}, variantIds[0] ?? this.variants[0]);
    const guest = { cart: tokenOf(first) };
    for (const variantId of variantIds.slice(1)) await this.add(guest, variantId);
    return guest;
  }

  async cartCount(): Promise<number | undefined> {
    return (await this.shop.rows<{ count: number }>('SELECT count(*)::int FROM carts'))[0]?.count;
  }

  async close(): Promise<void> {
    await this.shop.close();
    await this.app.close();
    await this.services.close();
  }
}

function headersOf({ cart, cookie }: Visitor): Record<string, string> {
  return {
    ...(cart === undefined ? {} : { 'cart-token': cart }),
    ...(cookie === undefined ? {} : { cookie: `${CART_COOKIE}=${cookie}` }),
  };
}

/** The guest token that an answer gives out; empty when it gives none. */
export function tokenOf(answer: ApiAnswer): string {
  return answer.headers.get('cart-token') ?? '';
}

/** By variant. */
export function quantitiesOf(answer: ApiAnswer): Record<string, number> {
  return Object.fromEntries(
    (answer.body['lines'] as { variantId: string; quantity: number }[]).map(({ variantId, quantity }) => [
      variantId,
      quantity,
    ]),
  );
}
