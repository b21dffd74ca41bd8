import type { Money } from '../../common/money.js';
import type { OrderTotals } from './order-pricing.js';
import type { OrderStatus } from './order-transitions.js';

export interface OrderLine {
  readonly variantId: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

export interface Order {
  readonly id: string;
  readonly number: string;
  readonly userId: string;
  readonly status: OrderStatus;
  readonly currency: string;
  readonly totals: OrderTotals;
  readonly lines: readonly OrderLine[];
  readonly reservedUntil: Date;
  readonly createdAt: Date;
}

/** The order as every answer shows it. */
export interface OrderView {
  readonly id: string;
  readonly number: string;
  readonly status: OrderStatus;
  readonly reservedUntil: string;
  readonly createdAt: string;
  readonly lines: readonly {
    readonly variantId: string;
    readonly sku: string;
    readonly name: string;
    readonly quantity: number;
    readonly unitPrice: Money;
    readonly total: Money;
  }[];
  readonly totals: OrderTotals;
}

export function viewOf(order: Order): OrderView {
  const { id, number, status, currency, totals } = order;
  return {
    id,
    number,
    status,
    reservedUntil: order.reservedUntil.toISOString(),
    createdAt: order.createdAt.toISOString(),
    lines: order.lines.map(({ variantId, sku, name, quantity, unitPriceMinor }) => ({
      variantId,
      sku,
      name,
      quantity,
      unitPrice: { amount: unitPriceMinor, currency },
      total: { amount: unitPriceMinor * quantity, currency },
    })),
    totals,
  };
}
