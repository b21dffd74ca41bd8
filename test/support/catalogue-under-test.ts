import { CatalogWriter, type ProductInput } from '../../src/modules/catalog/index.js';
import { ApiClient } from './api-client.js';
import { type AppUnderTest, startApp } from './app-harness.js';
import { startTestServices, type TestServices } from './services/index.js';
import { Shop } from './shop.builder.js';

export interface Listed {
  id: string;
  slug: string;
  name: string;
  variants: { price: { amount: number; currency: string } | null; available: number }[];
}

const CATEGORIES = [
  { slug: 'home', name: 'Home', position: 1 },
  { slug: 'kitchen', name: 'Kitchen', parentSlug: 'home', position: 1 },
  { slug: 'coffee', name: 'Coffee', parentSlug: 'kitchen' },
  { slug: 'garden', name: 'Garden', position: 2 },
];

/** Prices and names repeat, so that only the id tells neighbours apart. */
export const productInputs = (from: number, count: number): ProductInput[] =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i;
    const amount = 1000 + (n % 7) * 500;
    return {
      slug: `thing-${String(n)}`,
      name: n % 5 === 0 ? 'Plain thing' : `Thing number ${String(n % 11)}`,
      description: n % 3 === 0 ? 'Makes espresso and more espresso' : 'Waters flowers',
      categorySlug: ['home', 'kitchen', 'coffee', 'garden'][n % 4]!,
      variants: [
        {
          sku: `T-${String(n)}-A`,
          options: { Color: 'Black' },
          prices: [
            { amount, currency: 'USD' },
            ...(n % 2 === 0 ? [{ amount: amount - 100, currency: 'EUR' }] : []),
          ],
        },
        {
          sku: `T-${String(n)}-B`,
          options: { Color: 'White' },
          prices: [{ amount: amount + 2000, currency: 'USD' }],
        },
      ],
    };
  });

export const slugsOf = (items: readonly Listed[]): string[] => items.map(({ slug }) => slug).sort();

/** The application with 60 products in four categories, called thing-0 to thing-59; four of them are in stock. */
export class CatalogueUnderTest {
  private constructor(
    readonly services: TestServices,
    readonly app: AppUnderTest,
    readonly api: ApiClient,
    readonly shop: Shop,
    readonly writer: CatalogWriter,
  ) {}

  static async start(): Promise<CatalogueUnderTest> {
    const services = await startTestServices();
    const app = await startApp({ services });
    const shop = new Shop(services.databaseUrl);
    const writer = app.app.get(CatalogWriter);
    await writer.upsertCategories(CATEGORIES);
    await writer.upsertProducts(productInputs(0, 60));
    await shop.rows(
      "INSERT INTO stock_items (variant_id, on_hand) SELECT id, 3 FROM variants WHERE sku ~ '^T-(1|2|3|4)-A$'",
    );
    await services.waitForReplica();
    return new CatalogueUnderTest(services, app, new ApiClient(app.url), shop, writer);
  }

  async list(query: string): Promise<{ items: Listed[]; nextCursor: string | null }> {
    const { status, body, text } = await this.api.get(`/api/v1/products?${query}`);
    if (status !== 200) throw new Error(text);
    return body as { items: Listed[]; nextCursor: string | null };
  }

  /** Every page of a list; `between` is done after each of them. */
  async walk(query: string, between?: () => Promise<void>): Promise<Listed[]> {
    const found: Listed[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await this.list(`${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...page.items);
      cursor = page.nextCursor;
      await between?.();
    }
    return found;
  }

  /** Status and code of an answer, `404 PRODUCT_NOT_FOUND`. */
  async codeOf(path: string): Promise<string> {
    const { status, body } = await this.api.get(path);
    return `${String(status)} ${String(body['code'])}`;
  }

  async close(): Promise<void> {
    await this.shop.close();
    await this.app.close();
    await this.services.close();
  }
}
