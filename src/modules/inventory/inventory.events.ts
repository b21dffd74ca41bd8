import { auditNote, type AuditedBy } from '../../core/audit-log/index.js';
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
    isBroadcast: true,
  };
}

/** The event of stock that somebody has set by hand, and what the audit log says of it. */
export function stockSet(
  level: StockLevel,
  by: AuditedBy,
  onHand: { before: number; after: number },
): NewEvent {
  const audit = auditNote({
    ...by,
    action: 'stock.set',
    resource: `stock:${level.variantId}`,
    before: { onHand: onHand.before },
    after: { onHand: onHand.after },
  });
  return { ...stockChanged(level), audit };
}
