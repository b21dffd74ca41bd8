import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import {
  OptimizedPrismaService,
  type ReadFloor,
  SqlTransaction,
} from '../../infrastructure/database/prisma/index.js';
import type { StockLevel } from './inventory.events.js';
import {
  type MovementKind,
  type OrderMovement,
  type OrderMovementKind,
  UNIT_DELTAS,
} from './stock-movement.js';

/** A variant as it can be sold at this moment, its stock locked. */
export interface Offer {
  readonly variantId: string;
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly isActive: boolean;
  readonly available: number;
  /** Minor units by currency. */
  readonly prices: Readonly<Record<string, number>>;
}

export interface StockRecord {
  readonly variantId: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
  readonly version: number;
}

export interface MovementRecord {
  readonly id: string;
  readonly variantId: string;
  readonly kind: MovementKind;
  readonly onHandDelta: number;
  readonly reservedDelta: number;
  readonly orderId: string | null;
  readonly occurredAt: Date;
}

export type SetOnHandOutcome =
  | {
      readonly kind: 'set';
      readonly stock: StockRecord;
      readonly level: StockLevel;
      readonly onHandBefore: number;
    }
  | { readonly kind: 'stale'; readonly stock: StockRecord }
  | { readonly kind: 'below-reserved'; readonly stock: StockRecord }
  | { readonly kind: 'no-variant' };

interface LevelRow {
  variant_id: string;
  product_id: string;
  available: number;
  before: number;
}

/** Every lock on stock is taken in the order of variant ids, so that no two transactions wait for each other. */
@Injectable()
export class StockRepository {
  constructor(private readonly database: OptimizedPrismaService) {}

  /**
   * Locks the stock of the variants and reads what selling them needs. Variants that do not exist are
   * missing from the result; those that never had stock are there with none. One statement.
   */
  async lockOffers(transaction: SqlTransaction, variantIds: readonly string[]): Promise<Map<string, Offer>> {
    const rows = await transaction.query<{
      variant_id: string;
      product_id: string;
      sku: string;
      name: string;
      status: string;
      available: number | null;
      prices: Record<string, number> | null;
    }>(
      `WITH locked AS MATERIALIZED (
         SELECT variant_id, on_hand - reserved AS available FROM stock_items
         WHERE variant_id = ANY ($1::uuid[]) ORDER BY variant_id FOR UPDATE)
       SELECT v.id AS variant_id, v.product_id, v.sku, p.name, p.status, l.available,
         (SELECT jsonb_object_agg(currency, amount_minor) FROM prices WHERE variant_id = v.id) AS prices
       FROM variants v JOIN products p ON p.id = v.product_id LEFT JOIN locked l ON l.variant_id = v.id
       WHERE v.id = ANY ($1::uuid[])`,
      [[...variantIds]],
    );
    return new Map(
      rows.map((row) => [
        row.variant_id,
        {
          variantId: row.variant_id,
          productId: row.product_id,
          sku: row.sku,
          name: row.name,
          isActive: row.status === 'active',
          available: row.available ?? 0,
          prices: row.prices ?? {},
        },
      ]),
    );
  }

  /** Takes the locks alone, for movements of orders that exist. One statement. */
  async lock(transaction: SqlTransaction, variantIds: readonly string[]): Promise<void> {
    await transaction.execute(
      'SELECT 1 FROM stock_items WHERE variant_id = ANY ($1::uuid[]) ORDER BY variant_id FOR UPDATE',
      [[...variantIds]],
    );
  }

  /**
   * Moves units of locked stock and writes the ledger: one conditional change per variant, one entry per
   * order line, one statement in all.
   * @throws DatabaseError of PostgreSQL, where it ends the transaction, when a variant cannot give what is
   *   asked; the locks make that a defect of the caller.
   */
  async move(
    transaction: SqlTransaction,
    kind: OrderMovementKind,
    movements: readonly OrderMovement[],
  ): Promise<StockLevel[]> {
    if (movements.length === 0) return [];
    const { onHand, reserved } = UNIT_DELTAS[kind];
    const rows = await transaction.query<LevelRow>(
      `WITH line AS (
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[])
           AS l (id, variant_id, order_id, quantity)),
       demand AS (SELECT variant_id, sum(quantity)::integer AS quantity FROM line GROUP BY variant_id),
       moved AS (
         UPDATE stock_items s
         SET on_hand = s.on_hand + $5::integer * d.quantity, reserved = s.reserved + $6::integer * d.quantity,
             updated_at = now()
         FROM demand d
         WHERE s.variant_id = d.variant_id
           AND s.reserved + $6::integer * d.quantity BETWEEN 0 AND s.on_hand + $5::integer * d.quantity
         RETURNING s.variant_id, s.on_hand - s.reserved AS available, ($5::integer - $6::integer) * d.quantity AS change),
       entry AS (
         INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, order_id)
         SELECT id, variant_id, $7, $5::integer * quantity, $6::integer * quantity, order_id FROM line)
       SELECT d.variant_id, v.product_id, coalesce(m.available, refuse_stock_move($7, d.variant_id)) AS available,
         m.available - m.change AS before
       FROM demand d JOIN variants v ON v.id = d.variant_id LEFT JOIN moved m USING (variant_id)`,
      [
        movements.map(() => newId()),
        movements.map(({ variantId }) => variantId),
        movements.map(({ orderId }) => orderId),
        movements.map(({ quantity }) => quantity),
        onHand,
        reserved,
        kind,
      ],
    );
    return rows.map(toLevel);
  }

  async find(variantId: string, floor: ReadFloor): Promise<StockRecord | null> {
    const rows = await this.database.read(floor, (client) =>
      client.$queryRawUnsafe<{ on_hand: number; reserved: number; version: number }[]>(
        `SELECT coalesce(s.on_hand, 0) AS on_hand, coalesce(s.reserved, 0) AS reserved, coalesce(s.version, 0) AS version
         FROM variants v LEFT JOIN stock_items s ON s.variant_id = v.id WHERE v.id = $1::uuid`,
        variantId,
      ),
    );
    return rows[0] === undefined ? null : toRecord(variantId, rows[0]);
  }

  /** Units of stock, as the writer knows them; variants that are not for sale or never had stock are missing. */
  async findAvailable(variantIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.database.write.$queryRawUnsafe<{ variant_id: string; available: number }[]>(
      `SELECT s.variant_id::text, s.on_hand - s.reserved AS available
       FROM stock_items s JOIN variants v ON v.id = s.variant_id JOIN products p ON p.id = v.product_id
       WHERE s.variant_id = ANY ($1::uuid[]) AND p.status = 'active'`,
      variantIds,
    );
    return new Map(rows.map((row) => [row.variant_id, row.available]));
  }

  /** Sets the units on hand if the version is still the one the operator saw, and writes the ledger. */
  async setOnHand(
    transaction: SqlTransaction,
    change: { variantId: string; onHand: number; version: number; actorId: string | null },
  ): Promise<SetOnHandOutcome> {
    const { variantId, onHand, version, actorId } = change;
    const [variant] = await transaction.query<{ product_id: string }>(
      'SELECT product_id FROM variants WHERE id = $1',
      [variantId],
    );
    if (variant === undefined) return { kind: 'no-variant' };
    await transaction.execute(
      'INSERT INTO stock_items (variant_id, version) VALUES ($1, 0) ON CONFLICT (variant_id) DO NOTHING',
      [variantId],
    );
    const [row] = await transaction.query<{ on_hand: number; reserved: number; version: number }>(
      'SELECT on_hand, reserved, version FROM stock_items WHERE variant_id = $1 FOR UPDATE',
      [variantId],
    );
    if (row === undefined) throw new Error('a stock item vanished under its lock');
    const stock = toRecord(variantId, row);
    if (stock.version !== version) return { kind: 'stale', stock };
    if (onHand < stock.reserved) return { kind: 'below-reserved', stock };

    await transaction.execute(
      'UPDATE stock_items SET on_hand = $2, version = version + 1, updated_at = now() WHERE variant_id = $1',
      [variantId, onHand],
    );
    await transaction.execute(
      `INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, actor_id)
       VALUES ($1, $2, 'adjustment', $3, 0, $4)`,
      [newId(), variantId, onHand - stock.onHand, actorId],
    );
    const available = onHand - stock.reserved;
    return {
      kind: 'set',
      onHandBefore: stock.onHand,
      stock: { ...stock, onHand, available, version: version + 1 },
      level: {
        variantId,
        productId: variant.product_id,
        available,
        crossedZero: stock.available > 0 !== available > 0,
      },
    };
  }

  /** Gives variants that never had stock their first; the others are left alone. */
  async setInitial(
    transaction: SqlTransaction,
    stock: readonly { variantId: string; onHand: number }[],
  ): Promise<StockLevel[]> {
    const rows = await transaction.query<LevelRow>(
      `WITH wanted AS (
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w (id, variant_id, on_hand)),
       made AS (
         INSERT INTO stock_items (variant_id, on_hand) SELECT variant_id, on_hand FROM wanted ORDER BY variant_id
         ON CONFLICT (variant_id) DO NOTHING RETURNING variant_id, on_hand),
       entry AS (
         INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta)
         SELECT w.id, m.variant_id, 'adjustment', m.on_hand, 0 FROM made m JOIN wanted w USING (variant_id))
       SELECT m.variant_id, v.product_id, m.on_hand AS available, 0 AS before
       FROM made m JOIN variants v ON v.id = m.variant_id`,
      [stock.map(() => newId()), stock.map(({ variantId }) => variantId), stock.map(({ onHand }) => onHand)],
    );
    return rows.map(toLevel);
  }

  /** Newest first, before the given movement. */
  listMovements(
    variantId: string,
    page: { beforeId: string | null; limit: number },
    floor: ReadFloor,
  ): Promise<MovementRecord[]> {
    return this.database.read(floor, async (client) => {
      const rows = await client.stockMovement.findMany({
        where: { variantId, ...(page.beforeId === null ? {} : { id: { lt: page.beforeId } }) },
        orderBy: { id: 'desc' },
        take: page.limit,
      });
      return rows.map((row) => ({ ...row, kind: row.kind as MovementKind }));
    });
  }

  /**
   * Takes a month out of the ledger. What it summed to stays as one opening entry per variant at the
   * beginning of the next month, so the ledger still sums to the stock. The table remains for the archive.
   */
  async detachLedger(transaction: SqlTransaction, partition: string, upperBound: Date): Promise<void> {
    // The ids sort with the time of the balance, as UUIDv7 does, so that it is listed where it belongs.
    await transaction.execute(
      `INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, occurred_at)
       SELECT (lpad(to_hex((extract(epoch FROM $1::timestamptz) * 1000)::bigint), 12, '0')
           || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid,
         variant_id, 'opening', sum(on_hand_delta), sum(reserved_delta), $1
       FROM "${partition}" GROUP BY variant_id HAVING sum(on_hand_delta) <> 0 OR sum(reserved_delta) <> 0`,
      [upperBound],
    );
    await transaction.execute(`ALTER TABLE stock_movements DETACH PARTITION "${partition}"`);
  }

  transaction<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    return this.database.sqlTransaction(work);
  }
}

function toLevel(row: LevelRow): StockLevel {
  return {
    variantId: row.variant_id,
    productId: row.product_id,
    available: row.available,
    crossedZero: row.before > 0 !== row.available > 0,
  };
}

function toRecord(
  variantId: string,
  row: { on_hand: number; reserved: number; version: number },
): StockRecord {
  const { on_hand: onHand, reserved, version } = row;
  return { variantId, onHand, reserved, available: onHand - reserved, version };
}
