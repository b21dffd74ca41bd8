import type { NewEvent } from '../../core/events/index.js';

export const STOCK_CHANGED = 'inventory.stock-changed.v1';

/** What is left of a variant after a transaction. */
export interface StockLevel {
  readonly variantId: string;
  readonly productId: string;
  readonly available: number;
  /** The variant became available, or stopped being so, in this transaction. */
  readonly crossedZero: boolean;
}

export function stockChanged({ variantId, productId, available, crossedZero }: StockLevel): NewEvent {
  return {
    type: STOCK_CHANGED,
    aggregateId: variantId,
    payload: { variantId, productId, available, crossedZero },
  };
}
