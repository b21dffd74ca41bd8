import { Injectable } from '@nestjs/common';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';

/** `partial`: a seed began and did not come to its end. */
export type SeedState = 'empty' | 'partial' | 'filled';

@Injectable()
export class SeedRepository {
  constructor(private readonly database: OptimizedPrismaService) {}

  /** Whether the demo shop may be written: only where there is nothing, or a part of itself. */
  async findState(firstSlug: string, lastSku: string): Promise<SeedState> {
    const [row] = await this.database.write.$queryRaw<
      { hasProducts: boolean; hasFirst: boolean; hasLast: boolean }[]
    >`
      SELECT EXISTS (SELECT FROM products) AS "hasProducts",
        EXISTS (SELECT FROM products WHERE slug = ${firstSlug}) AS "hasFirst",
        EXISTS (SELECT FROM variants v JOIN stock_items s ON s.variant_id = v.id WHERE v.sku = ${lastSku}) AS "hasLast"`;
    if (row?.hasProducts !== true) return 'empty';
    return row.hasFirst && !row.hasLast ? 'partial' : 'filled';
  }
}
