import { Injectable } from '@nestjs/common';
import type { Money } from '../../common/money.js';
import { isUuid } from '../../common/ids.js';
import {
  OptimizedPrismaService,
  Prisma,
  type ReadFloor,
  type WalPosition,
} from '../../infrastructure/database/prisma/index.js';
import { CatalogCurrencyRepository } from './catalog-currency.repository.js';
import type { CategoryListQuery } from './catalog-queries.js';
import { type ProductView, type ReadAt, variantsOf } from './product-views.repository.js';

export type { ReadFloor };

export interface CategoryView {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly position: number;
}

export interface ListedCategory extends CategoryView {
  readonly depth: number;
}

export interface VariantDetails {
  readonly id: string;
  readonly sku: string;
  readonly options: Readonly<Record<string, string>>;
  readonly productId: string;
  readonly productSlug: string;
  /** Of the product. */
  readonly name: string;
  /** False while the product is a draft or archived. */
  readonly isPublic: boolean;
  readonly price: Money | null;
}

export type ProductLookup =
  | { readonly outcome: 'found'; readonly product: ProductView }
  | { readonly outcome: 'no-such-product' }
  | { readonly outcome: 'currency-not-supported'; readonly productId: string };

/** The public reads of the catalogue but for the list of products ({@link ProductListRepository}). */
@Injectable()
export class CatalogRepository {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly currencies: CatalogCurrencyRepository,
  ) {}

  async findProduct(
    idOrSlug: string,
    currency: string,
    floor: WalPosition | null,
  ): Promise<ReadAt<ProductLookup>> {
    return this.database.readWithPosition(floor, async (client): Promise<ProductLookup> => {
      const isMatch = isUuid(idOrSlug)
        ? Prisma.sql`p.id = ${idOrSlug}::uuid`
        : Prisma.sql`p.slug = ${idOrSlug}`;
      const [product] = await client.$queryRaw<ProductView[]>`
        SELECT p.id, p.slug, p.name, p.description, p.category_id AS "categoryId", ${variantsOf('p', currency)}
        FROM products p WHERE ${isMatch} AND p.status = 'active'`;
      if (product === undefined) return { outcome: 'no-such-product' };
      const isPriced = product.variants.some(({ price }) => price !== null);
      if (!isPriced && !(await this.currencies.isSoldIn(client, currency)))
        return { outcome: 'currency-not-supported', productId: product.id };
      return { outcome: 'found', product };
    });
  }

  /** Parents before children, siblings by position and then by slug. */
  async listCategories(
    { limit, after }: CategoryListQuery,
    floor: WalPosition | null,
  ): Promise<ReadAt<ListedCategory[]>> {
    const [depth = null, position = null, slug = null] = after ?? [];
    const isBehind =
      after === null
        ? Prisma.empty
        : Prisma.sql`WHERE (cardinality(ancestor_ids), position, slug) > (${depth}::int, ${position}::int, ${slug})`;
    return this.database.readWithPosition(
      floor,
      (client) => client.$queryRaw<ListedCategory[]>`
        SELECT id, slug, name, parent_id AS "parentId", position, cardinality(ancestor_ids) AS depth
        FROM categories ${isBehind}
        ORDER BY cardinality(ancestor_ids), position, slug LIMIT ${limit + 1}`,
    );
  }

  /** By id; ids that do not exist are missing from the map. */
  async findVariants(
    ids: readonly string[],
    currency: string,
    floor: ReadFloor,
  ): Promise<Map<string, VariantDetails>> {
    if (ids.length === 0) return new Map();
    type Row = Omit<VariantDetails, 'price'> & { readonly amountMinor: bigint | null };
    const rows = await this.database.read(
      floor,
      (client) => client.$queryRaw<Row[]>`
        SELECT v.id, v.sku, v.options, p.id AS "productId", p.slug AS "productSlug", p.name,
               p.status = 'active' AS "isPublic", pr.amount_minor AS "amountMinor"
        FROM variants v
        JOIN products p ON p.id = v.product_id
        LEFT JOIN prices pr ON pr.variant_id = v.id AND pr.currency = ${currency}::char(3)
        WHERE v.id = ANY (${[...ids]}::uuid[])`,
    );
    return new Map(
      rows.map(({ amountMinor, ...variant }) => [
        variant.id,
        { ...variant, price: amountMinor === null ? null : { amount: Number(amountMinor), currency } },
      ]),
    );
  }
}
