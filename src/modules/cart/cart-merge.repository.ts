import { Injectable } from '@nestjs/common';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { CartRepository, LIVE_CART } from './cart.repository.js';
import type { CartLimits } from './cart-limits.js';

/** What became of the lines when a guest's cart went into a user's. */
export interface CartMerge {
  /** Lines of the guest that are in the user's cart now. */
  readonly mergedLines: number;
  /** Those of them whose sum was cut to the largest quantity of one line. */
  readonly cappedLines: number;
  /** Lines that found no room in the user's cart: the guest's newest. */
  readonly droppedLines: number;
}

/** Moves a guest's cart into a user's. */
@Injectable()
export class CartMergeRepository {
  constructor(
    private readonly prisma: OptimizedPrismaService,
    private readonly carts: CartRepository,
  ) {}

  /**
   * Adds the lines of the guest's cart to the user's and removes the guest's cart, in one transaction.
   * Null when there is no such guest cart: it was merged before, or has ended. The guest's cart is locked
   * first, so that of several merges at once one does it and the others find nothing.
   */
  merge(tokenHash: Buffer, userId: string, limits: CartLimits): Promise<CartMerge | null> {
    return this.prisma.sqlTransaction((transaction) => this.mergeIn(transaction, tokenHash, userId, limits));
  }

  /** As {@link merge}, but changes nothing when a line would have to be cut or dropped. */
  async mergeWhole(
    tokenHash: Buffer,
    userId: string,
    limits: CartLimits,
  ): Promise<CartMerge | null | 'does-not-fit'> {
    try {
      return await this.prisma.sqlTransaction(async (transaction) => {
        const merge = await this.mergeIn(transaction, tokenHash, userId, limits);
        if (merge !== null && merge.cappedLines + merge.droppedLines > 0) throw new DoesNotFit();
        return merge;
      });
    } catch (error) {
      if (error instanceof DoesNotFit) return 'does-not-fit';
      throw error;
    }
  }

  private async mergeIn(
    transaction: SqlTransaction,
    tokenHash: Buffer,
    userId: string,
    limits: CartLimits,
  ): Promise<CartMerge | null> {
    const [guest] = await transaction.query<{ id: string }>(
      `SELECT id FROM carts WHERE guest_token_hash = $1 AND ${LIVE_CART} FOR UPDATE`,
      [tokenHash],
    );
    if (guest === undefined) return null;
    const user = await this.carts.ensureForUser(transaction, userId);
    const summed = await sumSharedLines(transaction, guest.id, user.id, limits);
    const moved = await moveOtherLines(transaction, guest.id, user.id, limits);
    // Of those left, some were summed; the others did not fit.
    const left = await transaction.execute('DELETE FROM cart_lines WHERE cart_id = $1', [guest.id]);
    await transaction.execute('DELETE FROM carts WHERE id = $1', [guest.id]);
    await transaction.execute('UPDATE carts SET merged_guest_cart_id = $2 WHERE id = $1', [
      user.id,
      guest.id,
    ]);
    return {
      mergedLines: summed.length + moved,
      cappedLines: summed.filter(({ isCapped }) => isCapped).length,
      droppedLines: left - summed.length,
    };
  }
}

/** Rolls a transaction back. */
class DoesNotFit extends Error {}

function sumSharedLines(
  transaction: SqlTransaction,
  guestCartId: string,
  userCartId: string,
  { quantityMax }: CartLimits,
): Promise<{ isCapped: boolean }[]> {
  return transaction.query(
    `UPDATE cart_lines mine SET quantity = least(s.sum, $3)
     FROM (SELECT m.id, m.quantity + g.quantity AS sum FROM cart_lines m
           JOIN cart_lines g ON g.variant_id = m.variant_id
           WHERE m.cart_id = $2 AND g.cart_id = $1) s
     WHERE mine.id = s.id
     RETURNING s.sum > $3 AS "isCapped"`,
    [guestCartId, userCartId, quantityMax],
  );
}

/** Lines keep their ids, so that a page that showed the guest's cart can still change them. */
function moveOtherLines(
  transaction: SqlTransaction,
  guestCartId: string,
  userCartId: string,
  { linesMax }: CartLimits,
): Promise<number> {
  return transaction.execute(
    `UPDATE cart_lines SET cart_id = $2 WHERE id IN (
       SELECT g.id FROM cart_lines g
       WHERE g.cart_id = $1
         AND NOT EXISTS (SELECT FROM cart_lines m WHERE m.cart_id = $2 AND m.variant_id = g.variant_id)
       ORDER BY g.id
       LIMIT greatest(0, $3 - (SELECT count(*) FROM cart_lines WHERE cart_id = $2)))`,
    [guestCartId, userCartId, linesMax],
  );
}
