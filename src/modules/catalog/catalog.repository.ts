import { Injectable } from '@nestjs/common';
import type { Money } from '../../common/money.js';
import { isUuid } from '../../common/ids.js';
import { AppConfig } from '../../config/index.js';
import {
  OptimizedPrismaService,
  Prisma,
  type PrismaClient,
  type ReadFloor,
  type WalPosition,
} from '../../infrastructure/database/prisma/index.js';
import type { CategoryListQuery, ProductListQuery } from './catalog-queries.js';
import type { SearchTerms } from './search-terms.js';

export type { ReadFloor };

export interface VariantView {
  readonly id: string;
  readonly sku: string;
  readonly options: Readonly<Record<string, string>>;
  /** Null when the variant has no price in the currency asked for. */
  readonly price: Money | null;
  readonly available: number;
}

export interface ProductView {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly categoryId: string | null;
  readonly variants: readonly VariantView[];
}

/** What the lists are sorted by, beside what is shown. */
export interface ListedProduct extends ProductView {
  readonly minAmountMinor: bigint;
  readonly rank: number;
}

export interface CategoryView {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly position: number;
}

export interface ListedCategory extends CategoryView {
  readonly depth: number;
}

export interface VariantDetails {
  readonly id: string;
  readonly sku: string;
  readonly options: Readonly<Record<string, string>>;
  readonly productId: string;
  readonly productSlug: string;
  /** Of the product. */
  readonly name: string;
  /** False while the product is a draft or archived. */
  readonly isPublic: boolean;
  readonly price: Money | null;
}

export interface ReadAt<T> {
  readonly value: T;
  readonly position: WalPosition;
}

/** `items` may hold one more than the limit: then there is a next page. */
export type ProductPage =
  | { readonly outcome: 'page'; readonly items: readonly ListedProduct[] }
  | { readonly outcome: 'no-such-category' | 'currency-not-supported' };

export type ProductLookup =
  | { readonly outcome: 'found'; readonly product: ProductView }
  | { readonly outcome: 'no-such-product' }
  | { readonly outcome: 'currency-not-supported'; readonly productId: string };

/** The public reads of the catalogue; statements are written so that each follows an index (docs/capacity.md). */
@Injectable()
export class CatalogRepository {
  private readonly defaultCurrency: string;

  constructor(
    config: AppConfig,
    private readonly database: OptimizedPrismaService,
  ) {
    this.defaultCurrency = config.env.DEFAULT_CURRENCY;
  }

  /** One statement, two with a category or a search, one more for an empty page in a foreign currency. */
  async listProducts(query: ProductListQuery, floor: WalPosition | null): Promise<ReadAt<ProductPage>> {
    return this.database.readWithPosition(floor, async (client): Promise<ProductPage> => {
      const { categoryIds, productIds } = await findCandidates(client, query);
      if (categoryIds?.length === 0) return { outcome: 'no-such-category' };
      const items = await client.$queryRaw<ListedProduct[]>(pageStatement(query, categoryIds, productIds));
      if (items.length === 0 && !(await this.isSoldIn(client, query.currency)))
        return { outcome: 'currency-not-supported' };
      return { outcome: 'page', items };
    });
  }

  async findProduct(
    idOrSlug: string,
    currency: string,
    floor: WalPosition | null,
  ): Promise<ReadAt<ProductLookup>> {
    return this.database.readWithPosition(floor, async (client): Promise<ProductLookup> => {
      const isMatch = isUuid(idOrSlug)
        ? Prisma.sql`p.id = ${idOrSlug}::uuid`
        : Prisma.sql`p.slug = ${idOrSlug}`;
      const [product] = await client.$queryRaw<ProductView[]>`
        SELECT p.id, p.slug, p.name, p.description, p.category_id AS "categoryId", ${variantsOf('p', currency)}
        FROM products p WHERE ${isMatch} AND p.status = 'active'`;
      if (product === undefined) return { outcome: 'no-such-product' };
      const isPriced = product.variants.some(({ price }) => price !== null);
      if (!isPriced && !(await this.isSoldIn(client, currency)))
        return { outcome: 'currency-not-supported', productId: product.id };
      return { outcome: 'found', product };
    });
  }

  /** Parents before children, siblings by position and then by slug. */
  async listCategories(
    { limit, after }: CategoryListQuery,
    floor: WalPosition | null,
  ): Promise<ReadAt<ListedCategory[]>> {
    const [depth = null, position = null, slug = null] = after ?? [];
    const isBehind =
      after === null
        ? Prisma.empty
        : Prisma.sql`WHERE (cardinality(ancestor_ids), position, slug) > (${depth}::int, ${position}::int, ${slug})`;
    return this.database.readWithPosition(
      floor,
      (client) => client.$queryRaw<ListedCategory[]>`
        SELECT id, slug, name, parent_id AS "parentId", position, cardinality(ancestor_ids) AS depth
        FROM categories ${isBehind}
        ORDER BY cardinality(ancestor_ids), position, slug LIMIT ${limit + 1}`,
    );
  }

  /** By id; ids that do not exist are missing from the map. */
  async findVariants(
    ids: readonly string[],
    currency: string,
    floor: ReadFloor,
  ): Promise<Map<string, VariantDetails>> {
    if (ids.length === 0) return new Map();
    type Row = Omit<VariantDetails, 'price'> & { readonly amountMinor: bigint | null };
    const rows = await this.database.read(
      floor,
      (client) => client.$queryRaw<Row[]>`
        SELECT v.id, v.sku, v.options, p.id AS "productId", p.slug AS "productSlug", p.name,
               p.status = 'active' AS "isPublic", pr.amount_minor AS "amountMinor"
        FROM variants v
        JOIN products p ON p.id = v.product_id
        LEFT JOIN prices pr ON pr.variant_id = v.id AND pr.currency = ${currency}::char(3)
        WHERE v.id = ANY (${[...ids]}::uuid[])`,
    );
    return new Map(
      rows.map(({ amountMinor, ...variant }) => [
        variant.id,
        { ...variant, price: amountMinor === null ? null : { amount: Number(amountMinor), currency } },
      ]),
    );
  }

  /** In its default currency the shop sells before the first price is set, otherwise once any product has one. */
  private async isSoldIn(client: PrismaClient, currency: string): Promise<boolean> {
    if (currency === this.defaultCurrency) return true;
    const [row] = await client.$queryRaw<{ isSold: boolean }[]>`
      SELECT EXISTS (SELECT FROM product_price_ranges WHERE currency = ${currency}::char(3)) AS "isSold"`;
    return row?.isSold === true;
  }
}

interface Candidates {
  /** The category and everything below it; empty when it does not exist, null when none is asked for. */
  readonly categoryIds: readonly string[] | null;
  /** Every product that the search finds, null when there is no search or it finds too many to name. */
  readonly productIds: readonly string[] | null;
}

/**
 * Above this many matches a walk along the order of the list meets a page of them soon. Below, it would
 * read the whole table for a rare word, and the planner cannot tell, because it guesses how often a
 * prefix occurs: 100,000 products, a word that none has, 70 ms by walking and 1 ms by naming the matches.
 */
const NAMED_MATCHES_MAX = 2000;

async function findCandidates(
  client: PrismaClient,
  { category, search }: ProductListQuery,
): Promise<Candidates> {
  if (category === null && search === null) return { categoryIds: null, productIds: null };
  const root =
    category !== null && isUuid(category)
      ? Prisma.sql`${category}::uuid`
      : Prisma.sql`(SELECT id FROM categories WHERE slug = ${category})`;
  const categoryIds =
    category === null
      ? Prisma.sql`NULL::uuid[]`
      : Prisma.sql`ARRAY(SELECT id FROM categories WHERE ancestor_ids @> ARRAY[${root}])`;
  const productIds =
    search === null
      ? Prisma.sql`NULL::uuid[]`
      : Prisma.sql`ARRAY(SELECT id FROM products WHERE search @@ ${tsquery(search)} LIMIT ${NAMED_MATCHES_MAX + 1})`;
  const [row] = await client.$queryRaw<Candidates[]>`
    SELECT ${categoryIds} AS "categoryIds", ${productIds} AS "productIds"`;
  const found = row?.productIds ?? null;
  return {
    categoryIds: row?.categoryIds ?? null,
    productIds: found === null || found.length > NAMED_MATCHES_MAX ? null : found,
  };
}

/** The page is cut out first; variants, prices and stock are only looked up for what is on it. */
function pageStatement(
  query: ProductListQuery,
  categoryIds: readonly string[] | null,
  productIds: readonly string[] | null,
): Prisma.Sql {
  const rank =
    query.sort === 'relevance' && query.search !== null
      ? Prisma.sql`ts_rank(p.search, ${tsquery(query.search)})::float8`
      : Prisma.sql`0::float8`;
  const { behind, order } = keyset(query, rank);
  const conditions = [
    Prisma.sql`p.status = 'active'`,
    Prisma.sql`r.currency = ${query.currency}::char(3)`,
    ...(categoryIds === null ? [] : [Prisma.sql`p.category_id = ANY (${[...categoryIds]}::uuid[])`]),
    ...(productIds === null ? [] : [Prisma.sql`p.id = ANY (${[...productIds]}::uuid[])`]),
    ...(query.search === null || productIds !== null
      ? []
      : [Prisma.sql`p.search @@ ${tsquery(query.search)}`]),
    ...priceConditions(query),
    ...(query.inStock === null ? [] : [stockCondition(query.inStock, query.currency)]),
    ...(behind === null ? [] : [behind]),
  ];
  return Prisma.sql`
    WITH page AS MATERIALIZED (
      SELECT p.id, p.slug, p.name, p.description, p.category_id, r.min_amount_minor, ${rank} AS rank
      FROM products p JOIN product_price_ranges r ON r.product_id = p.id
      WHERE ${Prisma.join(conditions, ' AND ')}
      ORDER BY ${order} LIMIT ${query.limit + 1}
    )
    SELECT p.id, p.slug, p.name, p.description, p.category_id AS "categoryId",
           p.min_amount_minor AS "minAmountMinor", p.rank, ${variantsOf('p', query.currency)}
    FROM page p ORDER BY ${pageOrder(query)}`;
}

/** Every order ends with the id, so that no two products share a place. */
function keyset(
  { sort, after }: ProductListQuery,
  rank: Prisma.Sql,
): { behind: Prisma.Sql | null; order: Prisma.Sql } {
  const [value = null, id = null] = after === null ? [] : after.length === 1 ? [null, ...after] : after;
  const behind = (comparison: Prisma.Sql): Prisma.Sql | null => (after === null ? null : comparison);
  switch (sort) {
    case 'newest':
      return { behind: behind(Prisma.sql`p.id < ${id}::uuid`), order: Prisma.sql`p.id DESC` };
    case 'price':
      return {
        behind: behind(Prisma.sql`(r.min_amount_minor, r.product_id) > (${value}::bigint, ${id}::uuid)`),
        order: Prisma.sql`r.min_amount_minor, r.product_id`,
      };
    case '-price':
      return {
        behind: behind(Prisma.sql`(r.min_amount_minor, r.product_id) < (${value}::bigint, ${id}::uuid)`),
        order: Prisma.sql`r.min_amount_minor DESC, r.product_id DESC`,
      };
    case 'name':
      return {
        behind: behind(Prisma.sql`(p.name, p.id) > (${value}, ${id}::uuid)`),
        order: Prisma.sql`p.name, p.id`,
      };
    case 'relevance':
      return {
        behind: behind(Prisma.sql`(${rank}, p.id) < (${value}::float8, ${id}::uuid)`),
        order: Prisma.sql`rank DESC, p.id DESC`,
      };
  }
}

function pageOrder({ sort }: ProductListQuery): Prisma.Sql {
  switch (sort) {
    case 'newest':
      return Prisma.sql`p.id DESC`;
    case 'price':
      return Prisma.sql`p.min_amount_minor, p.id`;
    case '-price':
      return Prisma.sql`p.min_amount_minor DESC, p.id DESC`;
    case 'name':
      return Prisma.sql`p.name, p.id`;
    case 'relevance':
      return Prisma.sql`p.rank DESC, p.id DESC`;
  }
}

/** A product is in a price range when one of its variants is; the range of its prices is asked first. */
function priceConditions({ currency, minPrice, maxPrice }: ProductListQuery): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = [];
  if (minPrice !== null) conditions.push(Prisma.sql`r.max_amount_minor >= ${minPrice}::bigint`);
  if (maxPrice !== null) conditions.push(Prisma.sql`r.min_amount_minor <= ${maxPrice}::bigint`);
  if (minPrice !== null && maxPrice !== null) {
    conditions.push(Prisma.sql`EXISTS (
      SELECT FROM variants v JOIN prices pr ON pr.variant_id = v.id AND pr.currency = ${currency}::char(3)
      WHERE v.product_id = p.id AND pr.amount_minor BETWEEN ${minPrice}::bigint AND ${maxPrice}::bigint)`);
  }
  return conditions;
}

/** In stock: a unit can be bought now, in this currency. */
function stockCondition(inStock: boolean, currency: string): Prisma.Sql {
  const exists = Prisma.sql`EXISTS (
    SELECT FROM variant_availability a
    JOIN prices pr ON pr.variant_id = a.variant_id AND pr.currency = ${currency}::char(3)
    WHERE a.product_id = p.id AND a.available > 0)`;
  return inStock ? exists : Prisma.sql`NOT ${exists}`;
}

function tsquery({ words, prefix }: SearchTerms): Prisma.Sql {
  if (prefix === null) return Prisma.sql`websearch_to_tsquery('simple', ${words})`;
  const last = Prisma.sql`to_tsquery('simple', ${`${prefix}:*`})`;
  return words === '' ? last : Prisma.sql`(websearch_to_tsquery('simple', ${words}) && ${last})`;
}

/** The variants of the row `product` as one JSON column, in their order. */
function variantsOf(product: 'p', currency: string): Prisma.Sql {
  return Prisma.sql`(
    SELECT coalesce(json_agg(json_build_object(
      'id', v.id, 'sku', v.sku, 'options', v.options,
      'price', CASE WHEN pr.amount_minor IS NOT NULL
        THEN json_build_object('amount', pr.amount_minor, 'currency', pr.currency) END,
      'available', a.available) ORDER BY v.position, v.id), '[]')
    FROM variants v
    JOIN variant_availability a ON a.variant_id = v.id
    LEFT JOIN prices pr ON pr.variant_id = v.id AND pr.currency = ${currency}::char(3)
    WHERE v.product_id = ${Prisma.raw(product)}.id
  ) AS variants`;
}
