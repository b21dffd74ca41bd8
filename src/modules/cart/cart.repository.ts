import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import {
  isForeignKeyViolation,
  OptimizedPrismaService,
  type SqlTransaction,
} from '../../infrastructure/database/prisma/index.js';

/** What {@link CartRepository.transaction} gives to its work. */
export type CartTransaction = SqlTransaction;

/** A user, or whoever holds the guest token with this SHA-256. */
export type CartOwner =
  { readonly kind: 'user'; readonly userId: string } | { readonly kind: 'guest'; readonly tokenHash: Buffer };

export interface StoredCartLine {
  readonly id: string;
  readonly variantId: string;
  readonly quantity: number;
  /** Units of the variant that can be sold at the moment of reading. */
  readonly available: number;
}

export interface StoredCart {
  readonly id: string;
  readonly version: number;
  /** In the order in which they were first added. */
  readonly lines: readonly StoredCartLine[];
}

export interface CartVersion {
  readonly id: string;
  readonly version: number;
}

/** `isChanged` tells the line that the statement wrote from those it only read. */
export interface LineAfterChange extends StoredCartLine {
  readonly isChanged: boolean;
}

/** Guest carts that nobody touched for so long are removed: a month, as shops commonly keep them. */
const GUEST_CART_TTL = "interval '30 days'";

/** Condition of a cart that has not reached its end. */
export const LIVE_CART = '(expires_at IS NULL OR expires_at > now())';

/**
 * After a change of one line, `changed`, all lines of the cart $1. The change's own rows come from the
 * change, because the statement's snapshot still has them as they were.
 */
const ALL_LINES_AFTER = `
  SELECT l.id, l.variant_id AS "variantId", l.quantity, l.is_changed AS "isChanged", a.available
  FROM (
    SELECT id, variant_id, quantity, true AS is_changed FROM changed
    UNION ALL
    SELECT id, variant_id, quantity, false FROM cart_lines
    WHERE cart_id = $1 AND id NOT IN (SELECT id FROM changed)
  ) l JOIN variant_availability a ON a.variant_id = l.variant_id
  ORDER BY l.id`;

/**
 * The row of a cart is the lock of its lines: every write takes it first ({@link touch} or
 * {@link ensureForUser} or {@link lockVersions}) and therefore sees all lines of those before it.
 */
@Injectable()
export class CartRepository {
  constructor(private readonly prisma: OptimizedPrismaService) {}

  transaction<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    return this.prisma.sqlTransaction(work);
  }

  /** Reads from the writer: what a buyer just put into the cart must be in it. */
  async find(owner: CartOwner): Promise<StoredCart | null> {
    const column = owner.kind === 'user' ? 'user_id = $1::uuid' : 'guest_token_hash = $1';
    return this.findWhere(`${column} AND ${LIVE_CART}`, ownerKey(owner));
  }

  /** The cart only if it belongs to the user; also by the id of the guest's cart that went into it last. */
  async findOfUser(cartId: string, userId: string): Promise<StoredCart | null> {
    return this.findWhere('$1::uuid IN (id, merged_guest_cart_id) AND user_id = $2::uuid', cartId, userId);
  }

  /** Locks the owner's cart, counts its version up and puts a guest cart's end off; null when there is none. */
  async touch(transaction: SqlTransaction, owner: CartOwner): Promise<CartVersion | null> {
    const [row] = await transaction.query<{ id: string; version: number }>(
      `UPDATE carts SET version = version + 1, updated_at = now(),
         expires_at = CASE WHEN user_id IS NULL THEN now() + ${GUEST_CART_TTL} END
       WHERE ${ownerColumn(owner)} = $1 AND ${LIVE_CART}
       RETURNING id, version`,
      [ownerKey(owner)],
    );
    return row ?? null;
  }

  /** As {@link touch}, but makes the user's cart (version 1) when there is none; safe in parallel. */
  async ensureForUser(transaction: SqlTransaction, userId: string): Promise<CartVersion> {
    const [row] = await transaction.query<{ id: string; version: number }>(
      `INSERT INTO carts (id, user_id) VALUES ($1, $2)
       ON CONFLICT (user_id) DO UPDATE SET version = carts.version + 1, updated_at = now()
       RETURNING id, version`,
      [newId(), userId],
    );
    return required(row);
  }

  async createForGuest(transaction: SqlTransaction, tokenHash: Buffer): Promise<CartVersion> {
    const [row] = await transaction.query<{ id: string; version: number }>(
      `INSERT INTO carts (id, guest_token_hash, expires_at) VALUES ($1, $2, now() + ${GUEST_CART_TTL})
       RETURNING id, version`,
      [newId(), tokenHash],
    );
    return required(row);
  }

  /**
   * Adds to the line of the variant or makes it, and returns all lines. No line is changed when the sum
   * would exceed `quantityMax`. Null when there is no such variant; the transaction is lost then.
   */
  async addLine(
    transaction: SqlTransaction,
    cartId: string,
    line: { readonly variantId: string; readonly quantity: number; readonly quantityMax: number },
  ): Promise<LineAfterChange[] | null> {
    try {
      return await transaction.query(
        `WITH changed AS (
           INSERT INTO cart_lines (id, cart_id, variant_id, quantity)
           SELECT $2::uuid, $1::uuid, $3::uuid, $4::integer WHERE $4::integer <= $5::integer
           ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = cart_lines.quantity + EXCLUDED.quantity
             WHERE cart_lines.quantity + EXCLUDED.quantity <= $5::integer
           RETURNING id, variant_id, quantity
         ) ${ALL_LINES_AFTER}`,
        [cartId, newId(), line.variantId, line.quantity, line.quantityMax],
      );
    } catch (error) {
      if (isForeignKeyViolation(error)) return null;
      throw error;
    }
  }

  setQuantity(
    transaction: SqlTransaction,
    cartId: string,
    lineId: string,
    quantity: number,
  ): Promise<LineAfterChange[]> {
    return transaction.query(
      `WITH changed AS (
         UPDATE cart_lines SET quantity = $3 WHERE cart_id = $1 AND id = $2 RETURNING id, variant_id, quantity
       ) ${ALL_LINES_AFTER}`,
      [cartId, lineId, quantity],
    );
  }

  /** The changed line in the answer is the one that is gone. */
  removeLine(transaction: SqlTransaction, cartId: string, lineId: string): Promise<LineAfterChange[]> {
    return transaction.query(
      `WITH changed AS (
         DELETE FROM cart_lines WHERE cart_id = $1 AND id = $2 RETURNING id, variant_id, quantity
       ) ${ALL_LINES_AFTER}`,
      [cartId, lineId],
    );
  }

  /**
   * Locks the carts in id order until the end of the caller's transaction and tells their versions; a
   * cart that is gone is not in the answer.
   */
  lockVersions(transaction: SqlTransaction, cartIds: readonly string[]): Promise<CartVersion[]> {
    return transaction.query(
      'SELECT id, version FROM carts WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE',
      [cartIds],
    );
  }

  /** Takes every line out of the carts, whose locks the caller holds, and counts their versions up. */
  async empty(transaction: SqlTransaction, cartIds: readonly string[]): Promise<void> {
    await transaction.execute(
      `WITH gone AS (DELETE FROM cart_lines WHERE cart_id = ANY($1::uuid[]))
       UPDATE carts SET version = version + 1, updated_at = now() WHERE id = ANY($1::uuid[])`,
      [cartIds],
    );
  }

  /** Removes guest carts past their end, the oldest first, and tells how many; leaves alone what others hold. */
  async removeExpired(limit: number): Promise<number> {
    return this.prisma.write.$executeRawUnsafe(
      `DELETE FROM carts WHERE id IN (
         SELECT id FROM carts WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)`,
      limit,
    );
  }

  private async findWhere(condition: string, ...values: (string | Buffer)[]): Promise<StoredCart | null> {
    const rows = await this.prisma.write.$queryRawUnsafe<CartRow[]>(
      `SELECT c.id, c.version, l.id AS "lineId", l.variant_id AS "variantId", l.quantity, a.available
       FROM (SELECT id, version FROM carts WHERE ${condition}) c
       LEFT JOIN cart_lines l ON l.cart_id = c.id
       LEFT JOIN variant_availability a ON a.variant_id = l.variant_id
       ORDER BY l.id`,
      ...values,
    );
    const [first] = rows;
    if (first === undefined) return null;
    return {
      id: first.id,
      version: first.version,
      lines: rows.flatMap(({ lineId, variantId, quantity, available }) =>
        lineId === null ? [] : [{ id: lineId, variantId, quantity, available }],
      ),
    };
  }
}

interface CartRow {
  readonly id: string;
  readonly version: number;
  /** Null in the only row of a cart without lines. */
  readonly lineId: string | null;
  readonly variantId: string;
  readonly quantity: number;
  readonly available: number;
}

function ownerColumn(owner: CartOwner): string {
  return owner.kind === 'user' ? 'user_id' : 'guest_token_hash';
}

function ownerKey(owner: CartOwner): string | Buffer {
  return owner.kind === 'user' ? owner.userId : owner.tokenHash;
}

function required<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('a statement that always returns a row returned none');
  return row;
}
