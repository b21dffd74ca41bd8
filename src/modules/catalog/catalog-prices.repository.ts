import type { SqlTransaction } from '../../infrastructure/database/prisma/index.js';

/**
 * Brings the cheapest and dearest price of the products in step with their variants' prices. Whoever
 * changes a price holds the lock of the product's row, so that two writers cannot each miss the
 * other's uncommitted price.
 */
export async function refreshPriceRanges(
  transaction: SqlTransaction,
  productIds: readonly string[],
): Promise<void> {
  await transaction.execute(
    `INSERT INTO product_price_ranges AS r (product_id, currency, min_amount_minor, max_amount_minor)
     SELECT v.product_id, p.currency, min(p.amount_minor), max(p.amount_minor)
     FROM variants v JOIN prices p ON p.variant_id = v.id
     WHERE v.product_id = ANY ($1::uuid[])
     GROUP BY v.product_id, p.currency
     ORDER BY v.product_id, p.currency
     ON CONFLICT (product_id, currency) DO UPDATE
       SET min_amount_minor = excluded.min_amount_minor, max_amount_minor = excluded.max_amount_minor
     WHERE (r.min_amount_minor, r.max_amount_minor) <> (excluded.min_amount_minor, excluded.max_amount_minor)`,
    [[...productIds]],
  );
}
