import { Injectable } from '@nestjs/common';
import { isUuid } from '../../common/ids.js';
import {
  OptimizedPrismaService,
  Prisma,
  type PrismaClient,
  type WalPosition,
} from '../../infrastructure/database/prisma/index.js';
import { CatalogCurrencyRepository } from './catalog-currency.repository.js';
import type { ProductListQuery } from './catalog-queries.js';
import { type ProductView, type ReadAt, variantsOf } from './product-views.repository.js';
import type { SearchTerms } from './search-terms.js';

/** What the lists are sorted by, beside what is shown. */
export interface ListedProduct extends ProductView {
  readonly minAmountMinor: bigint;
  readonly rank: number;
}

/** `items` may hold one more than the limit: then there is a next page. */
export type ProductPage =
  | { readonly outcome: 'page'; readonly items: readonly ListedProduct[] }
  | { readonly outcome: 'no-such-category' | 'currency-not-supported' };

/** The pages of the product list; statements are written so that each follows an index (docs/capacity.md). */
@Injectable()
export class ProductListRepository {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly currencies: CatalogCurrencyRepository,
  ) {}

  /** One statement, two with a category or a search, one more for an empty page in a foreign currency. */
  async list(query: ProductListQuery, floor: WalPosition | null): Promise<ReadAt<ProductPage>> {
    return this.database.readWithPosition(floor, async (client): Promise<ProductPage> => {
      const { categoryIds, productIds } = await findCandidates(client, query);
      if (categoryIds?.length === 0) return { outcome: 'no-such-category' };
      const items = await client.$queryRaw<ListedProduct[]>(pageStatement(query, categoryIds, productIds));
      if (items.length === 0 && !(await this.currencies.isSoldIn(client, query.currency)))
        return { outcome: 'currency-not-supported' };
      return { outcome: 'page', items };
    });
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
