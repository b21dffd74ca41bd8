import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { isUuid } from '../../common/ids.js';
import { isCurrencyCode, PRICE_AMOUNT_MINOR_MAX } from '../../common/money.js';
import { AppConfig } from '../../config/index.js';
import { CURSOR_LENGTH_MAX, CursorCodec, type CursorValue } from '../../core/cursor/index.js';
import { isSlug } from './catalog-limits.js';
import { QueryParameters } from './query-parameters.js';
import { normaliseSearch, type SearchTerms, splitSearch } from './search-terms.js';

export const PRODUCT_SORTS = ['newest', 'price', '-price', 'name', 'relevance'] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

export const PRODUCTS_LIMIT_DEFAULT = 24;
export const PRODUCTS_LIMIT_MAX = 100;
export const CATEGORIES_LIMIT_DEFAULT = 100;
export const CATEGORIES_LIMIT_MAX = 500;
export const SEARCH_LENGTH_MAX = 200;

/** Query strings that are remembered with their meaning; longer ones are read each time. */
const REMEMBERED_MAX = 10_000;
const REMEMBERED_LENGTH_MAX = 512;

interface Query {
  /** The same for every spelling of the same query. */
  readonly key: string;
}

export interface ProductListQuery extends Query {
  /** What a cursor of this list is bound to: everything but the place and the size of the page. */
  readonly scope: string;
  readonly currency: string;
  /** Id or slug. */
  readonly category: string | null;
  readonly search: SearchTerms | null;
  readonly minPrice: number | null;
  readonly maxPrice: number | null;
  readonly inStock: boolean | null;
  readonly sort: ProductSort;
  readonly limit: number;
  /** Sort key of the last product of the page before; null for the first page. */
  readonly after: readonly CursorValue[] | null;
}

export interface ProductQuery extends Query {
  readonly currency: string;
}

export interface CategoryListQuery extends Query {
  readonly limit: number;
  readonly after: readonly CursorValue[] | null;
}

export const CATEGORIES_SCOPE = 'categories';

/** Turns query strings into queries. A query string that was read before costs one look-up. */
@Injectable()
export class CatalogQueries {
  private readonly productLists = new LRUCache<string, ProductListQuery>({ max: REMEMBERED_MAX });
  private readonly products = new LRUCache<string, ProductQuery>({ max: REMEMBERED_MAX });
  private readonly categoryLists = new LRUCache<string, CategoryListQuery>({ max: REMEMBERED_MAX });
  private readonly defaultCurrency: string;

  constructor(
    config: AppConfig,
    private readonly cursors: CursorCodec,
  ) {
    this.defaultCurrency = config.env.DEFAULT_CURRENCY;
  }

  /** The query when its spelling was read before. */
  findProductList(queryString: string): ProductListQuery | undefined {
    return this.productLists.get(queryString);
  }

  findProduct(queryString: string): ProductQuery | undefined {
    return this.products.get(queryString);
  }

  /** @throws Problem VALIDATION_FAILED or CURSOR_INVALID, like the other two. */
  productList(queryString: string): ProductListQuery {
    return remember(this.productLists, queryString, () => this.readProductList(queryString));
  }

  product(queryString: string): ProductQuery {
    return remember(this.products, queryString, () => {
      const parameters = new QueryParameters(queryString, ['currency']);
      const currency = this.currencyOf(parameters);
      parameters.check();
      return { key: `product ${currency}`, currency };
    });
  }

  categoryList(queryString: string): CategoryListQuery {
    return remember(this.categoryLists, queryString, () => {
      const parameters = new QueryParameters(queryString, ['limit', 'cursor']);
      const limit = parameters.integer('limit', 1, CATEGORIES_LIMIT_MAX) ?? CATEGORIES_LIMIT_DEFAULT;
      const cursor = parameters.text('cursor', CURSOR_LENGTH_MAX);
      parameters.check();
      const after = cursor === null ? null : this.cursors.decode(CATEGORIES_SCOPE, cursor);
      return { key: `categories ${String(limit)} ${JSON.stringify(after)}`, limit, after };
    });
  }

  private readProductList(queryString: string): ProductListQuery {
    const parameters = new QueryParameters(queryString, [
      'category',
      'q',
      'currency',
      'minPrice',
      'maxPrice',
      'inStock',
      'sort',
      'limit',
      'cursor',
    ]);
    const currency = this.currencyOf(parameters);
    const category =
      parameters
        .matching('category', (text) => isSlug(text) || isUuid(text), 'the id or the slug of a category')
        ?.toLowerCase() ?? null;
    const text = normaliseSearch(parameters.text('q', SEARCH_LENGTH_MAX) ?? '');
    // A bound that excludes nothing is none.
    const minPrice = parameters.integer('minPrice', 0, PRICE_AMOUNT_MINOR_MAX) || null;
    const maxPrice = parameters.integer('maxPrice', 0, PRICE_AMOUNT_MINOR_MAX);
    if (minPrice !== null && maxPrice !== null && minPrice > maxPrice)
      parameters.fault('minPrice', 'must not exceed maxPrice');
    const inStock = parameters.boolean('inStock');
    const sort = parameters.oneOf('sort', PRODUCT_SORTS) ?? 'newest';
    if (sort === 'relevance' && text === '') parameters.fault('sort', 'relevance needs q');
    const limit = parameters.integer('limit', 1, PRODUCTS_LIMIT_MAX) ?? PRODUCTS_LIMIT_DEFAULT;
    const cursor = parameters.text('cursor', CURSOR_LENGTH_MAX);
    parameters.check();

    const scope = `products ${JSON.stringify([currency, category, text, minPrice, maxPrice, inStock, sort])}`;
    const after = cursor === null ? null : this.cursors.decode(scope, cursor);
    return {
      key: `${scope} ${String(limit)} ${JSON.stringify(after)}`,
      scope,
      currency,
      category,
      search: text === '' ? null : splitSearch(text),
      minPrice,
      maxPrice,
      inStock,
      sort,
      limit,
      after,
    };
  }

  private currencyOf(parameters: QueryParameters): string {
    return (
      parameters.matching('currency', isCurrencyCode, 'three capital letters (ISO 4217)') ??
      this.defaultCurrency
    );
  }
}

function remember<T extends Query>(memory: LRUCache<string, T>, queryString: string, read: () => T): T {
  let query = memory.get(queryString);
  if (query === undefined) {
    query = read();
    if (queryString.length <= REMEMBERED_LENGTH_MAX) memory.set(queryString, query);
  }
  return query;
}
