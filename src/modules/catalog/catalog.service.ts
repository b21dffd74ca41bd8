import { Injectable } from '@nestjs/common';
import { isUuid } from '../../common/ids.js';
import { Problem } from '../../common/problem.js';
import { type Answer, AnswerCache, type Filling } from '../../core/answer-cache/index.js';
import { CursorCodec, type CursorValue } from '../../core/cursor/index.js';
import { isSlug } from './catalog-limits.js';
import {
  CatalogQueries,
  CATEGORIES_SCOPE,
  type CategoryListQuery,
  type ProductListQuery,
} from './catalog-queries.js';
import { catalogTags } from './catalog-tags.js';
import {
  CatalogRepository,
  type CategoryView,
  type ReadFloor,
  type VariantDetails,
} from './catalog.repository.js';
import { type ListedProduct, type ProductPage, ProductListRepository } from './product-list.repository.js';
import type { ProductView } from './product-views.repository.js';

/**
 * The public catalogue as ready-made answers. Answers come at once when they are in memory, otherwise as
 * a promise; refusals are thrown as problems.
 */
@Injectable()
export class CatalogService {
  constructor(
    private readonly queries: CatalogQueries,
    private readonly cache: AnswerCache,
    private readonly productLists: ProductListRepository,
    private readonly repository: CatalogRepository,
    private readonly cursors: CursorCodec,
  ) {}

  listProducts(queryString: string): Answer | Promise<Answer> {
    const query = this.queries.productList(queryString);
    return this.cache.get(query.key, (floor) => this.readProductList(query, floor));
  }

  getProduct(idOrSlug: string, queryString: string): Answer | Promise<Answer> {
    const { key, currency } = this.queries.product(queryString);
    // What cannot be a name is not worth a place in the cache.
    if (!isSlug(idOrSlug) && !isUuid(idOrSlug)) throw new Problem('PRODUCT_NOT_FOUND');
    const name = isSlug(idOrSlug) ? idOrSlug : idOrSlug.toLowerCase();
    return this.cache.get(`${key} ${name}`, (floor) => this.readProduct(name, currency, floor));
  }

  /** What {@link listProducts} would answer, when it is in memory. */
  readyProducts(queryString: string): Answer | null {
    const query = this.queries.findProductList(queryString);
    if (query === undefined) return null;
    return this.cache.getReady(query.key, (floor) => this.readProductList(query, floor));
  }

  /** What {@link getProduct} would answer, when it is in memory. */
  readyProduct(idOrSlug: string, queryString: string): Answer | null {
    const query = this.queries.findProduct(queryString);
    if (query === undefined) return null;
    return this.cache.getReady(`${query.key} ${idOrSlug}`, (floor) =>
      this.readProduct(idOrSlug, query.currency, floor),
    );
  }

  listCategories(queryString: string): Answer | Promise<Answer> {
    const query = this.queries.categoryList(queryString);
    return this.cache.get(query.key, (floor) => this.readCategoryList(query, floor));
  }

  /**
   * The variants by id, straight from the database, with their price in the currency; ids that do not
   * exist are missing. The floor says how fresh the read must be.
   */
  findVariants(
    ids: readonly string[],
    currency: string,
    floor: ReadFloor = null,
  ): Promise<Map<string, VariantDetails>> {
    return this.repository.findVariants(ids, currency, floor);
  }

  private async readProductList(query: ProductListQuery, floor: bigint | null): Promise<Filling> {
    const { value, position } = await this.productLists.list(query, floor);
    return { content: this.productPage(query, value), tags: tagsOfPage(query, value), position };
  }

  private productPage(query: ProductListQuery, page: ProductPage): string | Problem {
    switch (page.outcome) {
      case 'no-such-category':
        return new Problem('CATEGORY_NOT_FOUND');
      case 'currency-not-supported':
        return new Problem('CURRENCY_NOT_SUPPORTED', {
          detail: `No product has a price in ${query.currency}.`,
        });
      case 'page': {
        const items = page.items.slice(0, query.limit);
        const last = page.items.length > query.limit ? items.at(-1) : undefined;
        return JSON.stringify({
          items: items.map(shownProduct),
          nextCursor: last === undefined ? null : this.cursors.encode(query.scope, sortKeyOf(query, last)),
        });
      }
    }
  }

  private async readProduct(idOrSlug: string, currency: string, floor: bigint | null): Promise<Filling> {
    const { value, position } = await this.repository.findProduct(idOrSlug, currency, floor);
    switch (value.outcome) {
      case 'found':
        return {
          content: JSON.stringify(value.product),
          tags: [catalogTags.product(value.product.id)],
          position,
        };
      case 'no-such-product':
        return { content: new Problem('PRODUCT_NOT_FOUND'), tags: [catalogTags.products], position };
      case 'currency-not-supported':
        return {
          content: new Problem('CURRENCY_NOT_SUPPORTED', {
            detail: `No product has a price in ${currency}.`,
          }),
          tags: [catalogTags.products, catalogTags.product(value.productId)],
          position,
        };
    }
  }

  private async readCategoryList(query: CategoryListQuery, floor: bigint | null): Promise<Filling> {
    const { value, position } = await this.repository.listCategories(query, floor);
    const rows = value.slice(0, query.limit);
    const last = value.length > query.limit ? rows.at(-1) : undefined;
    const content = JSON.stringify({
      items: rows.map(shownCategory),
      nextCursor:
        last === undefined
          ? null
          : this.cursors.encode(CATEGORIES_SCOPE, [last.depth, last.position, last.slug]),
    });
    return { content, tags: [catalogTags.categories], position };
  }
}

function shownProduct({ id, slug, name, description, categoryId, variants }: ProductView): ProductView {
  return { id, slug, name, description, categoryId, variants };
}

function shownCategory({ id, slug, name, parentId, position }: CategoryView): CategoryView {
  return { id, slug, name, parentId, position };
}

/** The components behind which the next page begins; the repository compares with the same. */
function sortKeyOf({ sort }: ProductListQuery, product: ListedProduct): CursorValue[] {
  switch (sort) {
    case 'newest':
      return [product.id];
    case 'price':
    case '-price':
      return [product.minAmountMinor.toString(), product.id];
    case 'name':
      return [product.name, product.id];
    case 'relevance':
      return [product.rank, product.id];
  }
}

function tagsOfPage({ category, inStock }: ProductListQuery, page: ProductPage): string[] {
  return [
    catalogTags.products,
    ...(category === null ? [] : [catalogTags.categories]),
    ...(inStock === null ? [] : [catalogTags.stock]),
    ...(page.outcome === 'page' ? page.items.map(({ id }) => catalogTags.product(id)) : []),
  ];
}
