import { auditedBySystem, auditNote, type AuditedBy } from '../../core/audit-log/index.js';
import type { NewEvent } from '../../core/events/index.js';

/** What somebody did to a product or to the tree, for the audit log. */
export interface CatalogAct {
  readonly by: AuditedBy;
  readonly action: string;
  readonly before?: unknown;
  readonly after: unknown;
}

/** Programs that fill the catalogue, and have no account. */
export const IMPORT = auditedBySystem('import');

/** A product, one of its variants or one of its prices was written by an administrator. */
export const PRODUCT_CHANGED = 'catalog.product-changed.v1';
/** Many products were written at once. */
export const PRODUCTS_CHANGED = 'catalog.products-changed.v1';
/** The category tree was written. */
export const CATEGORIES_CHANGED = 'catalog.categories-changed.v1';
/** Published by inventory: the units of a variant that can be sold have changed. */
export const STOCK_CHANGED = 'inventory.stock-changed.v1';

/** `affectsLists`: membership or order of lists may differ, not only what they show of this product. */
export function productChanged(productId: string, affectsLists: boolean, act: CatalogAct): NewEvent {
  return {
    type: PRODUCT_CHANGED,
    aggregateId: productId,
    payload: { productId, affectsLists },
    isBroadcast: true,
    audit: noteOf(`product:${productId}`, act),
  };
}

export function productsChanged(productIds: readonly [string, ...string[]], act: CatalogAct): NewEvent {
  return {
    type: PRODUCTS_CHANGED,
    aggregateId: productIds[0],
    payload: { productIds },
    isBroadcast: true,
    audit: noteOf(`product:${productIds[0]}`, act),
  };
}

export function categoriesChanged(categoryIds: readonly [string, ...string[]], act: CatalogAct): NewEvent {
  return {
    type: CATEGORIES_CHANGED,
    aggregateId: categoryIds[0],
    payload: { categoryIds },
    isBroadcast: true,
    audit: noteOf(`category:${categoryIds[0]}`, act),
  };
}

function noteOf(resource: string, { by, action, before, after }: CatalogAct): string {
  return auditNote({ ...by, action, resource, before, after });
}
