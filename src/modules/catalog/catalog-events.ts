import type { NewEvent } from '../../core/events/index.js';

/** A product, one of its variants or one of its prices was written by an administrator. */
export const PRODUCT_CHANGED = 'catalog.product-changed.v1';
/** Many products were written at once. */
export const PRODUCTS_CHANGED = 'catalog.products-changed.v1';
/** The category tree was written. */
export const CATEGORIES_CHANGED = 'catalog.categories-changed.v1';
/** Published by inventory: the units of a variant that can be sold have changed. */
export const STOCK_CHANGED = 'inventory.stock-changed.v1';

/** `affectsLists`: membership or order of lists may differ, not only what they show of this product. */
export function productChanged(productId: string, affectsLists: boolean): NewEvent {
  return { type: PRODUCT_CHANGED, aggregateId: productId, payload: { productId, affectsLists } };
}

export function productsChanged(productIds: readonly [string, ...string[]]): NewEvent {
  return { type: PRODUCTS_CHANGED, aggregateId: productIds[0], payload: { productIds } };
}

export function categoriesChanged(categoryIds: readonly [string, ...string[]]): NewEvent {
  return { type: CATEGORIES_CHANGED, aggregateId: categoryIds[0], payload: { categoryIds } };
}
