import type { Money } from '../../common/money.js';
import type { VariantDetails } from '../catalog/index.js';
import type { CartMerge } from './cart-merge.repository.js';
import type { StoredCart } from './cart.repository.js';

export interface CartLineView {
  readonly id: string;
  readonly variantId: string;
  readonly sku: string;
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
  readonly quantity: number;
  /** Null when the variant has no price in the cart's currency. */
  readonly unitPrice: Money | null;
  readonly total: Money | null;
  /** Units that could be sold at this moment; 0 when the product is not on sale any more. */
  readonly available: number;
}

/** A cart as the client sees it: prices and availability are those of this moment, nothing is promised. */
export interface CartView {
  /** Null as long as nothing was put in. */
  readonly id: string | null;
  readonly version: number;
  readonly currency: string;
  readonly lines: readonly CartLineView[];
  /** Null when a line has no price in the currency: a sum without it would mislead. */
  readonly subtotal: Money | null;
  /** Only in the answer to the request that merged a guest's cart into this one. */
  readonly merge?: CartMerge;
}

/** `variants` lacks those that were deleted a moment ago; their lines go with them. */
export function viewCart(
  cart: StoredCart | null,
  currency: string,
  variants: ReadonlyMap<string, VariantDetails>,
): CartView {
  const lines = (cart?.lines ?? []).flatMap((line): CartLineView[] => {
    const variant = variants.get(line.variantId);
    if (variant === undefined) return [];
    const { sku, name, options, price, isPublic } = variant;
    return [
      {
        id: line.id,
        variantId: line.variantId,
        sku,
        name,
        options,
        quantity: line.quantity,
        unitPrice: price,
        total: price === null ? null : { amount: price.amount * line.quantity, currency },
        available: isPublic ? line.available : 0,
      },
    ];
  });
  return {
    id: cart?.id ?? null,
    version: cart?.version ?? 0,
    currency,
    lines,
    subtotal: subtotalOf(lines, currency),
  };
}

function subtotalOf(lines: readonly CartLineView[], currency: string): Money | null {
  let amount = 0;
  for (const { total } of lines) {
    if (total === null) return null;
    amount += total.amount;
  }
  return { amount, currency };
}
