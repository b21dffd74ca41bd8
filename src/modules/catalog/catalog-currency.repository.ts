import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import type { PrismaClient } from '../../infrastructure/database/prisma/index.js';

/** In which currencies the shop sells. */
@Injectable()
export class CatalogCurrencyRepository {
  private readonly defaultCurrency: string;

  constructor(config: AppConfig) {
    this.defaultCurrency = config.env.DEFAULT_CURRENCY;
  }

  /** In its default currency the shop sells before the first price is set, otherwise once any product has one. */
  async isSoldIn(client: PrismaClient, currency: string): Promise<boolean> {
    if (currency === this.defaultCurrency) return true;
    const [row] = await client.$queryRaw<{ isSold: boolean }[]>`
      SELECT EXISTS (SELECT FROM product_price_ranges WHERE currency = ${currency}::char(3)) AS "isSold"`;
    return row?.isSold === true;
  }
}
