import { Injectable } from '@nestjs/common';
import {
  isDatabaseUnavailable,
  isForeignKeyViolation,
  OptimizedPrismaService,
  type ReadFloor,
  type SqlTransaction,
  type WalPosition,
} from '../../infrastructure/database/prisma/index.js';
import type { Order, OrderLine } from './order.js';
import { orderMachine, type OrderStatus } from './order-transitions.js';

export type { SqlTransaction, WalPosition } from '../../infrastructure/database/prisma/index.js';

export interface NewOrder extends Order {
  readonly shippingAddressCiphertext: Buffer;
}

/** An order whose row this transaction has locked. */
export interface LockedOrder {
  readonly id: string;
  readonly userId: string;
  readonly status: OrderStatus;
  readonly totalMinor: number;
  readonly currency: string;
  /** By the database's clock, whether the reservation is still running. */
  readonly isReserved: boolean;
}

export interface StoredOrder extends Order {
  readonly shippingAddressCiphertext: Buffer;
}

interface LockedRow {
  id: string;
  user_id: string;
  status: OrderStatus;
  total_minor: string;
  currency: string;
  is_reserved: boolean;
}

const LOCKED_COLUMNS =
  'id, user_id, status, total_minor::text, currency, reserved_until > now() AS is_reserved';

/** Orders are locked before stock, in the order of their ids: nobody waits in a circle. */
@Injectable()
export class OrdersRepository {
  constructor(private readonly database: OptimizedPrismaService) {}

  /** The database failed as a whole; nothing can be blamed on what it was asked. */
  static isOutage(error: unknown): boolean {
    return isDatabaseUnavailable(error);
  }

  /** An order names a user that is not there. */
  static isUnknownUser(error: unknown): boolean {
    return isForeignKeyViolation(error);
  }

  transaction<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    return this.database.sqlTransaction(work);
  }

  /**
   * A transaction of two round trips: what only looks and locks goes out with its BEGIN, what `act` sends
   * before it first waits with its COMMIT. The position is behind its end.
   */
  transactionAfter<Seen, T>(
    look: (transaction: SqlTransaction) => Promise<Seen>,
    act: (transaction: SqlTransaction, seen: Seen) => Promise<T>,
  ): Promise<{ result: T; position: WalPosition }> {
    return this.database.sqlTransactionAfter(look, act);
  }

  /** Any number of orders and their lines in one statement. */
  async insertAll(transaction: SqlTransaction, orders: readonly NewOrder[]): Promise<void> {
    if (orders.length === 0) return;
    await transaction.execute(
      `WITH placed AS (
         SELECT * FROM jsonb_to_recordset($1::jsonb) AS o (
           id uuid, number text, user_id uuid, currency text, subtotal bigint, discount bigint, shipping bigint,
           tax bigint, total bigint, address text, reserved_until timestamptz, created_at timestamptz, lines jsonb)),
       inserted AS (
         INSERT INTO orders (id, number, user_id, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor,
           total_minor, shipping_address_ciphertext, reserved_until, created_at, updated_at)
         SELECT id, number, user_id, currency, subtotal, discount, shipping, tax, total, decode(address, 'base64'),
           reserved_until, created_at, created_at
         FROM placed)
       INSERT INTO order_lines (order_id, position, variant_id, sku, name, quantity, unit_price_minor, total_minor)
       SELECT p.id, l.position, l.variant_id, l.sku, l.name, l.quantity, l.unit_price, l.unit_price * l.quantity
       FROM placed p, jsonb_to_recordset(p.lines) AS l (
         position smallint, variant_id uuid, sku text, name text, quantity integer, unit_price bigint)`,
      [JSON.stringify(orders.map(toDocument))],
    );
  }

  async lockOwned(transaction: SqlTransaction, orderId: string, userId: string): Promise<LockedOrder | null> {
    const rows = await transaction.query<LockedRow>(
      `SELECT ${LOCKED_COLUMNS} FROM orders WHERE id = $1 AND user_id = $2 FOR UPDATE`,
      [orderId, userId],
    );
    return rows[0] === undefined ? null : toLocked(rows[0]);
  }

  async lock(transaction: SqlTransaction, orderId: string): Promise<LockedOrder> {
    const rows = await transaction.query<LockedRow>(
      `SELECT ${LOCKED_COLUMNS} FROM orders WHERE id = $1 FOR UPDATE`,
      [orderId],
    );
    if (rows[0] === undefined) throw new Error('an intent names an order that is not there');
    return toLocked(rows[0]);
  }

  /** Locks orders whose reservation is over, oldest first, passing over those that others have locked. */
  async lockExpired(transaction: SqlTransaction, limit: number): Promise<LockedOrder[]> {
    const rows = await transaction.query<LockedRow>(
      `SELECT ${LOCKED_COLUMNS} FROM orders
       WHERE status = 'pending_payment' AND reserved_until < now()
       ORDER BY reserved_until LIMIT $1 FOR UPDATE SKIP LOCKED`,
      [limit],
    );
    return rows.map(toLocked);
  }

  /** Reservations that should have expired, counted up to `countedMax`, and since when the oldest should have. */
  async measureOverdue(countedMax: number): Promise<{ count: number; oldestSeconds: number }> {
    const [row] = await this.database.write.$queryRawUnsafe<{ count: number; oldest: number | null }[]>(
      `SELECT count(*)::integer AS count, extract(epoch FROM now() - min(reserved_until))::float8 AS oldest
       FROM (SELECT reserved_until FROM orders WHERE status = 'pending_payment' AND reserved_until < now()
             ORDER BY reserved_until LIMIT ${String(countedMax)}) AS overdue`,
    );
    return { count: row?.count ?? 0, oldestSeconds: row?.oldest ?? 0 };
  }

  async findLines(
    transaction: SqlTransaction,
    orderIds: readonly string[],
  ): Promise<{ orderId: string; variantId: string; quantity: number }[]> {
    const rows = await transaction.query<{ order_id: string; variant_id: string; quantity: number }>(
      'SELECT order_id, variant_id, quantity FROM order_lines WHERE order_id = ANY ($1::uuid[])',
      [[...orderIds]],
    );
    return rows.map((row) => ({ orderId: row.order_id, variantId: row.variant_id, quantity: row.quantity }));
  }

  /** Moves locked orders along. @throws Error when the state of one does not allow it. */
  async transition(transaction: SqlTransaction, orderIds: readonly string[], to: OrderStatus): Promise<void> {
    const changed = await transaction.execute(
      'UPDATE orders SET status = $2, updated_at = now() WHERE id = ANY ($1::uuid[]) AND status = ANY ($3::text[])',
      [[...orderIds], to, orderMachine.sourcesOf(to)],
    );
    if (changed !== orderIds.length) throw new Error(`an order cannot become ${to}`);
  }

  /** Keeps the reservation for at least so long from now, for the time that a payment may take. */
  async extendReservation(transaction: SqlTransaction, orderId: string, holdMs: number): Promise<void> {
    await transaction.execute(
      `UPDATE orders SET reserved_until = greatest(reserved_until, now() + make_interval(secs => $2::double precision / 1000))
       WHERE id = $1`,
      [orderId, holdMs],
    );
  }

  findOwned(orderId: string, userId: string, floor: ReadFloor): Promise<StoredOrder | null> {
    return this.database.read(floor, async (client) => {
      const row = await client.order.findFirst({ where: { id: orderId, userId }, include: { lines: true } });
      return row === null ? null : toStored(row);
    });
  }

  /** Newest first, before the given order. */
  list(
    userId: string,
    page: { beforeId: string | null; limit: number },
    floor: ReadFloor,
  ): Promise<StoredOrder[]> {
    return this.database.read(floor, async (client) => {
      const rows = await client.order.findMany({
        where: { userId, ...(page.beforeId === null ? {} : { id: { lt: page.beforeId } }) },
        orderBy: { id: 'desc' },
        take: page.limit,
        include: { lines: true },
      });
      return rows.map(toStored);
    });
  }
}

interface OrderRow {
  id: string;
  number: string;
  userId: string;
  status: string;
  currency: string;
  subtotalMinor: bigint;
  discountMinor: bigint;
  shippingMinor: bigint;
  taxMinor: bigint;
  totalMinor: bigint;
  shippingAddressCiphertext: Uint8Array;
  reservedUntil: Date;
  createdAt: Date;
  lines: {
    position: number;
    variantId: string;
    sku: string;
    name: string;
    quantity: number;
    unitPriceMinor: bigint;
  }[];
}

function toDocument(order: NewOrder): unknown {
  const { totals } = order;
  return {
    id: order.id,
    number: order.number,
    user_id: order.userId,
    currency: order.currency,
    subtotal: totals.subtotal.amount,
    discount: totals.discount.amount,
    shipping: totals.shipping.amount,
    tax: totals.tax.amount,
    total: totals.total.amount,
    address: order.shippingAddressCiphertext.toString('base64'),
    reserved_until: order.reservedUntil,
    created_at: order.createdAt,
    lines: order.lines.map((line, position) => ({
      position,
      variant_id: line.variantId,
      sku: line.sku,
      name: line.name,
      quantity: line.quantity,
      unit_price: line.unitPriceMinor,
    })),
  };
}

function toLocked(row: LockedRow): LockedOrder {
  return {
    id: row.id,
    userId: row.user_id,
    status: row.status,
    totalMinor: Number(row.total_minor),
    currency: row.currency,
    isReserved: row.is_reserved,
  };
}

function toStored(row: OrderRow): StoredOrder {
  const money = (amount: bigint) => ({ amount: Number(amount), currency: row.currency });
  return {
    id: row.id,
    number: row.number,
    userId: row.userId,
    status: row.status as OrderStatus,
    currency: row.currency,
    totals: {
      subtotal: money(row.subtotalMinor),
      discount: money(row.discountMinor),
      shipping: money(row.shippingMinor),
      tax: money(row.taxMinor),
      total: money(row.totalMinor),
    },
    lines: [...row.lines]
      .sort((a, b) => a.position - b.position)
      .map(({ variantId, sku, name, quantity, unitPriceMinor }): OrderLine => ({
        variantId,
        sku,
        name,
        quantity,
        unitPriceMinor: Number(unitPriceMinor),
      })),
    reservedUntil: row.reservedUntil,
    createdAt: row.createdAt,
    shippingAddressCiphertext: Buffer.from(row.shippingAddressCiphertext),
  };
}
