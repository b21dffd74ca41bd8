import { faker } from '@faker-js/faker/locale/en';
import { demoCatalogue, FIRST_PRODUCT_SLUG, LAST_PRODUCT_SKU } from './demo-catalogue.js';
import { DEMO_CURRENCIES } from './demo-price.js';

describe('the demo shop', () => {
  const shop = demoCatalogue(faker);
  const variants = shop.products.flatMap((product) => product.variants);

  it('has about a thousand variants in a tree, and is the same each time', () => {
    expect(variants.length).toBeGreaterThan(900);
    expect(variants.length).toBeLessThan(1200);
    expect(shop.categories.filter(({ parentSlug }) => parentSlug !== undefined).length).toBeGreaterThan(10);
    faker.seed(1);
    expect(demoCatalogue(faker)).toEqual(shop);
  });

  it('names nothing twice and hangs every product on a shelf', () => {
    const slugs = shop.products.map(({ slug }) => slug);
    expect(new Set(slugs).size).toBe(slugs.length);
    expect(new Set(variants.map(({ sku }) => sku)).size).toBe(variants.length);
    const shelves = new Set(shop.categories.map(({ slug }) => slug));
    expect(shop.products.filter(({ categorySlug }) => !shelves.has(categorySlug ?? ''))).toEqual([]);
  });

  it('prices every variant in every currency and knows its stock', () => {
    for (const { sku, prices } of variants) {
      expect(prices.map(({ currency }) => currency)).toEqual(DEMO_CURRENCIES);
      expect(shop.stock.get(sku)).toBeGreaterThanOrEqual(0);
    }
    expect([...shop.stock.values()].filter((units) => units === 0).length).toBeGreaterThan(5);
  });

  it('begins and ends with the products of the house', () => {
    expect(shop.products.at(0)?.slug).toBe(FIRST_PRODUCT_SLUG);
    expect(shop.products.at(-1)?.variants.map(({ sku }) => sku)).toEqual([LAST_PRODUCT_SKU]);
  });
});
