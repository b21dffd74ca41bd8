import { Injectable } from '@nestjs/common';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';

export interface StockSlice {
  /** Where the next slice begins; null when this was the last. */
  readonly after: string | null;
  /** Variants of which more is promised than there is, or less than nothing. */
  readonly outOfBounds: readonly string[];
  /** Variants whose ledger does not sum to their stock. */
  readonly unbalanced: readonly string[];
}

export interface UnitsLeft {
  readonly sku: string;
  readonly available: number;
  readonly reserved: number;
}

/** Looks at stock from outside, on a replica where there is one: each statement sees one moment of it. */
@Injectable()
export class StockWatchRepository {
  constructor(private readonly database: OptimizedPrismaService) {}

  async check(after: string | null, limit: number): Promise<StockSlice> {
    const rows = await this.database.read(null, (client) =>
      client.$queryRawUnsafe<{ variant_id: string; in_bounds: boolean; is_balanced: boolean }[]>(
        `SELECT s.variant_id::text, s.reserved BETWEEN 0 AND s.on_hand AS in_bounds,
           coalesce(l.on_hand, 0) = s.on_hand AND coalesce(l.reserved, 0) = s.reserved AS is_balanced
         FROM (SELECT variant_id, on_hand, reserved FROM stock_items
               WHERE $1::uuid IS NULL OR variant_id > $1::uuid ORDER BY variant_id LIMIT ${String(limit)}) AS s
         CROSS JOIN LATERAL (
           SELECT sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
           FROM stock_movements WHERE variant_id = s.variant_id) AS l
         ORDER BY s.variant_id`,
        after,
      ),
    );
    const idsOf = (wrong: typeof rows) => wrong.map(({ variant_id: variantId }) => variantId);
    return {
      after: rows.length < limit ? null : (rows.at(-1)?.variant_id ?? null),
      outOfBounds: idsOf(rows.filter((row) => !row.in_bounds)),
      unbalanced: idsOf(rows.filter((row) => !row.is_balanced)),
    };
  }

  findUnitsLeft(skus: readonly string[]): Promise<UnitsLeft[]> {
    return this.database.read(null, (client) =>
      client.$queryRawUnsafe<UnitsLeft[]>(
        `SELECT v.sku, coalesce(s.on_hand - s.reserved, 0) AS available, coalesce(s.reserved, 0) AS reserved
         FROM variants v LEFT JOIN stock_items s ON s.variant_id = v.id WHERE v.sku = ANY ($1::text[])`,
        skus,
      ),
    );
  }
}
