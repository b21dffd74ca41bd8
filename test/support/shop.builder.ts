import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { newId } from '../../src/common/ids.js';
import { signAccessToken } from './access-tokens.js';

export interface Buyer {
  readonly userId: string;
  readonly token: string;
}

export const ADDRESS = {
  name: 'Ada Byron',
  line1: 'Calle Mayor 1',
  city: 'Madrid',
  postalCode: '28013',
  country: 'ES',
};

/** Puts buyers, products and stock straight into the database of a test, and reads the truth back. */
export class Shop {
  readonly pool: pg.Pool;

  constructor(databaseUrl: string) {
    this.pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
    // Servers are taken away while connections are idle; a query that needs one says so itself.
    this.pool.on('error', () => undefined);
  }

  async createBuyers(
    count: number,
    role: 'customer' | 'admin' | 'superadmin' = 'customer',
  ): Promise<Buyer[]> {
    const ids = Array.from({ length: count }, () => newId());
    await this.pool.query(
      `INSERT INTO users (id, email_hash, email_ciphertext, name_ciphertext, password_hash, role)
       SELECT id, hash, hash, hash, '!', $3 FROM unnest($1::uuid[], $2::bytea[]) AS u (id, hash)`,
      [ids, ids.map(() => randomBytes(32)), role],
    );
    return ids.map((userId) => ({ userId, token: signAccessToken(userId, role) }));
  }

  async createBuyer(role: 'customer' | 'admin' | 'superadmin' = 'customer'): Promise<Buyer> {
    const [buyer] = await this.createBuyers(1, role);
    if (buyer === undefined) throw new Error('no buyer was made');
    return buyer;
  }

  /** A product with one variant at 19.99 USD. */
  async createVariant(
    onHand: number,
    options: { priceMinor?: number; currency?: string } = {},
  ): Promise<string> {
    const [productId, variantId] = [newId(), newId()];
    const { priceMinor = 1999, currency = 'USD' } = options;
    await this.pool.query('INSERT INTO products (id, slug, name) VALUES ($1, $2, $3)', [
      productId,
      `product-${productId}`,
      `Product ${productId.slice(-4)}`,
    ]);
    await this.pool.query('INSERT INTO variants (id, product_id, sku) VALUES ($1, $2, $3)', [
      variantId,
      productId,
      `SKU-${variantId}`,
    ]);
    await this.pool.query('INSERT INTO prices (variant_id, currency, amount_minor) VALUES ($1, $2, $3)', [
      variantId,
      currency,
      priceMinor,
    ]);
    await this.pool.query(
      `INSERT INTO product_price_ranges (product_id, currency, min_amount_minor, max_amount_minor)
       VALUES ($1, $2, $3, $3)`,
      [productId, currency, priceMinor],
    );
    await this.pool.query('INSERT INTO stock_items (variant_id, on_hand) VALUES ($1, $2)', [
      variantId,
      onHand,
    ]);
    await this.pool.query(
      `INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta)
       VALUES ($1, $2, 'adjustment', $3, 0)`,
      [newId(), variantId, onHand],
    );
    return variantId;
  }

  /** Does work while orders cannot be found, as after a migration that went wrong: what asks for them fails. */
  async withoutOrders(work: () => Promise<unknown>): Promise<void> {
    await this.pool.query('ALTER TABLE orders RENAME TO orders_elsewhere');
    try {
      await work();
    } finally {
      await this.pool.query('ALTER TABLE orders_elsewhere RENAME TO orders');
    }
  }

  async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text, values)).rows;
  }

  /** Runs while another session holds the stock of the variant: whoever changes it waits, until `letGo` or the end. */
  async withStockHeld<T>(
    variantId: string,
    work: (letGo: () => Promise<unknown>, holder: pg.PoolClient) => Promise<T>,
  ): Promise<T> {
    const holder = await this.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM stock_items WHERE variant_id = $1 FOR UPDATE', [variantId]);
      return await work(() => holder.query('COMMIT'), holder);
    } finally {
      // Its end lets go.
      holder.release(true);
    }
  }

  async isAnyoneWaitingForALock(): Promise<boolean> {
    const rows = await this.rows(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    return rows.length > 0;
  }

  async stockOf(variantId: string): Promise<{ onHand: number; reserved: number }> {
    const [row] = await this.rows<{ onHand: number; reserved: number }>(
      'SELECT on_hand AS "onHand", reserved FROM stock_items WHERE variant_id = $1',
      [variantId],
    );
    if (row === undefined) throw new Error('the variant has no stock');
    return row;
  }

  /** What the ledger says the stock must be. */
  async ledgerOf(variantId: string): Promise<{ onHand: number; reserved: number }> {
    const [row] = await this.rows<{ onHand: number; reserved: number }>(
      `SELECT sum(on_hand_delta)::integer AS "onHand", sum(reserved_delta)::integer AS reserved
       FROM stock_movements WHERE variant_id = $1`,
      [variantId],
    );
    if (row === undefined) throw new Error('the variant has no ledger');
    return row;
  }

  /** Units in orders of the given states. */
  async unitsIn(variantId: string, ...statuses: string[]): Promise<number> {
    const [row] = await this.rows<{ units: number }>(
      `SELECT coalesce(sum(l.quantity), 0)::integer AS units FROM order_lines l JOIN orders o ON o.id = l.order_id
       WHERE l.variant_id = $1 AND o.status = ANY ($2::text[])`,
      [variantId, statuses],
    );
    return row?.units ?? 0;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
