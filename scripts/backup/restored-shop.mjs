// @ts-check
import pg from 'pg';

/**
 * What a restored database has of what the shop had acknowledged.
 *
 * @typedef {object} Findings
 * @property {import('./buyer-crowd.mjs').AcknowledgedOrder[]} missing acknowledged before the moment, and not there
 * @property {import('./buyer-crowd.mjs').AcknowledgedOrder[]} unpaid the payment was acknowledged before, the order is not paid
 * @property {import('./buyer-crowd.mjs').AcknowledgedOrder[]} later sent after the moment, and there all the same
 * @property {number} orders how many acknowledged ones are there
 * @property {number} stockItems
 * @property {string[]} unbalanced variants whose ledger is not their stock, or that promise more than there is
 */

/**
 * @param {string} url
 * @param {readonly import('./buyer-crowd.mjs').AcknowledgedOrder[]} acknowledged
 * @param {number} momentMs what was acknowledged before must be there; Infinity: all that there is
 * @returns {Promise<Findings>}
 */
export async function compareWithAcknowledged(url, acknowledged, momentMs) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: orders } = /** @type {pg.QueryResult<{ id: string, status: string }>} */ (
      await client.query('SELECT id::text, status FROM orders WHERE id = ANY ($1::uuid[])', [
        acknowledged.map(({ id }) => id),
      ])
    );
    const { rows: stock } = /** @type {pg.QueryResult<{ variant: string, good: boolean }>} */ (
      await client.query(`
        SELECT s.variant_id::text AS variant, s.reserved BETWEEN 0 AND s.on_hand
          AND coalesce(l.on_hand, 0) = s.on_hand AND coalesce(l.reserved, 0) = s.reserved AS good
        FROM stock_items s LEFT JOIN (
          SELECT variant_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
          FROM stock_movements GROUP BY variant_id) AS l USING (variant_id)`)
    );
    const statusOf = new Map(orders.map(({ id, status }) => [id, status]));
    return {
      missing: acknowledged.filter(
        ({ id, acknowledgedAtMs }) => acknowledgedAtMs < momentMs && !statusOf.has(id),
      ),
      unpaid: acknowledged.filter(
        ({ id, paidAtMs }) =>
          paidAtMs !== null && paidAtMs < momentMs && statusOf.has(id) && statusOf.get(id) !== 'paid',
      ),
      later: acknowledged.filter(({ id, sentAtMs }) => sentAtMs > momentMs && statusOf.has(id)),
      orders: orders.length,
      stockItems: stock.length,
      unbalanced: stock.filter(({ good }) => !good).map(({ variant }) => variant),
    };
  } finally {
    await client.end();
  }
}
