import type { Money } from '../../common/money.js';

export interface PricedLine {
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

/** `total = subtotal − discount + shipping + tax`, all in one currency; a CHECK of the database agrees. */
export interface OrderTotals {
  readonly subtotal: Money;
  readonly discount: Money;
  readonly shipping: Money;
  readonly tax: Money;
  readonly total: Money;
}

/** False when the lines together cost more than can be counted exactly: 2^53 - 1 minor units. */
export function isCountable(lines: readonly PricedLine[]): boolean {
  return Number.isSafeInteger(subtotalOf(lines));
}

/**
 * Discounts, shipping and tax are zero until the modules that know them exist.
 * @throws RangeError unless {@link isCountable}
 */
export function priceOrder(lines: readonly PricedLine[], currency: string): OrderTotals {
  const money = (amount: number): Money => ({ amount, currency });
  const subtotal = subtotalOf(lines);
  if (!Number.isSafeInteger(subtotal))
    throw new RangeError('the total of an order exceeds what can be counted');
  return {
    subtotal: money(subtotal),
    discount: money(0),
    shipping: money(0),
    tax: money(0),
    total: money(subtotal),
  };
}

function subtotalOf(lines: readonly PricedLine[]): number {
  return lines.reduce((sum, { quantity, unitPriceMinor }) => sum + quantity * unitPriceMinor, 0);
}
