import type { Faker } from '@faker-js/faker';
import type { CategoryInput, ProductInput } from '../../modules/catalog/index.js';
import { DEMO_CURRENCIES, demoPrice } from './demo-price.js';
import {
  type Article,
  DEPARTMENTS,
  OPTION_LABELS,
  type OptionName,
  OPTIONS,
  type Shelf,
} from './demo-shelves.js';

export interface DemoCatalogue {
  readonly categories: readonly CategoryInput[];
  readonly products: readonly ProductInput[];
  /** Units on hand by SKU. */
  readonly stock: ReadonlyMap<string, number>;
}

/** Any number: the same one gives the same shop. */
const FAKER_SEED = 20_261_122;
const PRODUCTS_PER_ARTICLE = 5;
const VARIANTS_PER_PRODUCT_MAX = 6;

/** The products of the house enclose the others: a shop with the first and without the last is not finished. */
export const FIRST_PRODUCT_SLUG = 'caudal-coffee-pot';
export const LAST_PRODUCT_SKU = 'CAUDAL-ENAMEL-MUG';
const HOUSE_STOCK = 500;

/** The demo shop: about a thousand variants, the same each time. */
export function demoCatalogue(faker: Faker): DemoCatalogue {
  faker.seed(FAKER_SEED);
  const categories: CategoryInput[] = [];
  const products: ProductInput[] = [
    houseProduct('Caudal Coffee Pot', FIRST_PRODUCT_SLUG, 'kitchen-coffee-tea', 3999),
  ];
  const stock = new Map<string, number>();
  const slugs = new Set<string>();
  DEPARTMENTS.forEach((department, position) => {
    const departmentSlug = slugOf(department.name);
    categories.push({ slug: departmentSlug, name: department.name, position });
    department.shelves.forEach((shelf, shelfPosition) => {
      const categorySlug = `${departmentSlug}-${slugOf(shelf.name)}`;
      categories.push({
        slug: categorySlug,
        name: shelf.name,
        parentSlug: departmentSlug,
        position: shelfPosition,
      });
      for (const article of shelf.articles) {
        for (let count = 0; count < PRODUCTS_PER_ARTICLE; count += 1) {
          const product = makeProduct(faker, shelf, article, categorySlug, slugs);
          products.push(product);
          for (const { sku } of product.variants) stock.set(sku, makeStock(faker));
        }
      }
    });
  });
  products.push(houseProduct('Caudal Enamel Mug', 'caudal-enamel-mug', 'kitchen-tableware', 1499));
  for (const { sku } of [products.at(0), products.at(-1)].flatMap((product) => product?.variants ?? [])) {
    stock.set(sku, HOUSE_STOCK);
  }
  return { categories, products, stock };
}

function makeProduct(
  faker: Faker,
  shelf: Shelf,
  article: Article,
  categorySlug: string,
  slugs: Set<string>,
): ProductInput {
  let name: string;
  do name = `${faker.person.lastName()} ${article.noun}`;
  while (slugs.has(slugOf(name)));
  const slug = slugOf(name);
  slugs.add(slug);
  const material = faker.helpers.arrayElement(shelf.materials);
  const [first = '', second = ''] = faker.helpers.arrayElements(shelf.traits, 2);
  const [from, to] = article.usd;
  const baseCents = faker.number.int({ min: from * 100, max: to * 100 });
  return {
    slug,
    name,
    description: `A ${faker.commerce.productAdjective().toLowerCase()} ${article.noun.toLowerCase()} of ${material}. ${first}. ${second}.`,
    categorySlug,
    variants: makeOptions(faker, article).map(({ options, surcharge }) => ({
      sku: [slug, ...Object.values(options).map(slugOf)].join('-').toUpperCase(),
      options,
      prices: DEMO_CURRENCIES.map((currency) =>
        demoPrice(Math.round((baseCents * (100 + surcharge)) / 100), currency),
      ),
    })),
  };
}

interface OptionChoice {
  readonly options: Readonly<Record<string, string>>;
  /** In per cent of the price of the plainest variant. */
  readonly surcharge: number;
}

function makeOptions(faker: Faker, { option, second }: Article): OptionChoice[] {
  const choices = pickValues(faker, option, second === undefined ? VARIANTS_PER_PRODUCT_MAX : 3);
  if (second === undefined) return choices;
  const others = pickValues(faker, second, 2);
  return choices.flatMap((choice) =>
    others.map(({ options, surcharge }) => ({
      options: { ...choice.options, ...options },
      surcharge: choice.surcharge + surcharge,
    })),
  );
}

/** Some of the option's values, in the order in which a shop lists them. */
function pickValues(faker: Faker, option: OptionName, max: number): OptionChoice[] {
  const values = Object.entries<number>(OPTIONS[option]);
  const count = Math.min(values.length, faker.number.int({ min: Math.min(3, max), max }));
  const picked = new Set(faker.helpers.arrayElements(values, count));
  return values
    .filter((value) => picked.has(value))
    .map(([value, surcharge]) => ({ options: { [OPTION_LABELS[option]]: value }, surcharge }));
}

/** One variant in thirty is sold out, one in ten nearly so. */
function makeStock(faker: Faker): number {
  const luck = faker.number.int({ min: 1, max: 30 });
  if (luck === 1) return 0;
  return luck <= 4 ? faker.number.int({ min: 1, max: 5 }) : faker.number.int({ min: 20, max: 600 });
}

function houseProduct(name: string, slug: string, categorySlug: string, usdCents: number): ProductInput {
  return {
    slug,
    name,
    description: 'Enamelled white, with the river of the house on it. Goes into the fire and the dishwasher.',
    categorySlug,
    variants: [
      {
        sku: slug.toUpperCase(),
        options: { Color: 'White' },
        prices: DEMO_CURRENCIES.map((currency) => demoPrice(usdCents, currency)),
      },
    ],
  };
}

function slugOf(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()
    .replaceAll(' ', '-');
}
