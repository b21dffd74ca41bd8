import type { Money } from '../../common/money.js';
import { Prisma, type WalPosition } from '../../infrastructure/database/prisma/index.js';

export interface VariantView {
  readonly id: string;
  readonly sku: string;
  readonly options: Readonly<Record<string, string>>;
  /** Null when the variant has no price in the currency asked for. */
  readonly price: Money | null;
  readonly available: number;
}

export interface ProductView {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly categoryId: string | null;
  readonly variants: readonly VariantView[];
}

export interface ReadAt<T> {
  readonly value: T;
  readonly position: WalPosition;
}

/** The variants of the row `product` as one JSON column, in their order. */
export function variantsOf(product: 'p', currency: string): Prisma.Sql {
  return Prisma.sql`(
    SELECT coalesce(json_agg(json_build_object(
      'id', v.id, 'sku', v.sku, 'options', v.options,
      'price', CASE WHEN pr.amount_minor IS NOT NULL
        THEN json_build_object('amount', pr.amount_minor, 'currency', pr.currency) END,
      'available', a.available) ORDER BY v.position, v.id), '[]')
    FROM variants v
    JOIN variant_availability a ON a.variant_id = v.id
    LEFT JOIN prices pr ON pr.variant_id = v.id AND pr.currency = ${currency}::char(3)
    WHERE v.product_id = ${Prisma.raw(product)}.id
  ) AS variants`;
}
