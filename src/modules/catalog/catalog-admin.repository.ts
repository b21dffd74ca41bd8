import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import type { Money } from '../../common/money.js';
import { Problem } from '../../common/problem.js';
import type { AuditedBy } from '../../core/audit-log/index.js';
import { EventOutbox } from '../../core/events/index.js';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { type CatalogAct, productChanged } from './catalog-events.js';
import type { ProductInput, ProductStatus, VariantInput } from './catalog-input.js';
import { VARIANTS_PER_PRODUCT_MAX } from './catalog-limits.js';
import { refreshPriceRanges } from './catalog-prices.repository.js';

export interface AdminVariant {
  readonly id: string;
  readonly sku: string;
  readonly options: Readonly<Record<string, string>>;
  readonly prices: readonly Money[];
}

export interface AdminProduct {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly description: string;
  readonly categoryId: string | null;
  readonly status: ProductStatus;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly variants: readonly AdminVariant[];
}

export type NewProduct = Omit<ProductInput, 'name' | 'categorySlug'> & { readonly name: string };

/** Undefined leaves a field as it is. */
export interface ProductPatch {
  readonly slug?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly categoryId?: string | null | undefined;
  readonly status?: ProductStatus | undefined;
}

export interface VariantPatch {
  readonly sku?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly prices?: readonly Money[] | undefined;
}

/** A variant as it was before a change, by the names of its columns. */
type VariantBefore = Record<'product_id' | 'sku', string> & {
  options: Readonly<Record<string, string>>;
  prices: Readonly<Record<string, number>> | null;
};

const PRODUCT = `
  SELECT p.id, p.slug, p.name, p.description, p.category_id AS "categoryId", p.status, p.version,
    to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "createdAt",
    to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "updatedAt",
    (SELECT coalesce(json_agg(json_build_object('id', v.id, 'sku', v.sku, 'options', v.options, 'prices', (
       SELECT coalesce(json_agg(json_build_object('amount', pr.amount_minor, 'currency', pr.currency)
         ORDER BY pr.currency), '[]')
       FROM prices pr WHERE pr.variant_id = v.id)) ORDER BY v.position, v.id), '[]')
     FROM variants v WHERE v.product_id = p.id) AS variants
  FROM products p`;

/**
 * One product at a time, on the writer. Each write locks the product's row, bumps its version, keeps
 * its price ranges in step and leaves an event, all in one transaction; refusals are thrown as problems,
 * which rolls it back.
 */
@Injectable()
export class CatalogAdminRepository {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly outbox: EventOutbox,
  ) {}

  async findProduct(id: string): Promise<AdminProduct | null> {
    const [product] = await this.database.read('primary', (client) =>
      client.$queryRawUnsafe<AdminProduct[]>(`${PRODUCT} WHERE p.id = $1::uuid`, id),
    );
    return product ?? null;
  }

  /** @throws Problem PRODUCT_SLUG_TAKEN, VARIANT_SKU_TAKEN or CATEGORY_NOT_FOUND. */
  async createProduct(input: NewProduct, by: AuditedBy): Promise<AdminProduct> {
    const id = newId();
    return this.database.sqlTransaction(async (transaction) => {
      await requireCategory(transaction, input.categoryId);
      const inserted = await transaction.execute(
        `INSERT INTO products (id, slug, name, description, category_id, status)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (slug) DO NOTHING`,
        [
          id,
          input.slug,
          input.name,
          input.description ?? '',
          input.categoryId ?? null,
          input.status ?? 'active',
        ],
      );
      if (inserted === 0) throw new Problem('PRODUCT_SLUG_TAKEN');
      await insertVariants(transaction, id, input.variants);
      return this.finish(transaction, id, true, { by, action: 'product.created', after: input });
    });
  }

  /** @throws Problem PRODUCT_NOT_FOUND, PRECONDITION_FAILED, PRODUCT_SLUG_TAKEN or CATEGORY_NOT_FOUND. */
  async updateProduct(
    id: string,
    version: number,
    patch: ProductPatch,
    by: AuditedBy,
  ): Promise<AdminProduct> {
    return this.database.sqlTransaction(async (transaction) => {
      const before = await lockProduct(transaction, id, version);
      await requireCategory(transaction, patch.categoryId);
      if (patch.slug !== undefined) {
        // The lock of the slug's owner, if there is one, is waited for: it may be giving the slug up.
        const owners = await transaction.query<{ id: string }>(
          'SELECT id FROM products WHERE slug = $1 AND id <> $2 FOR UPDATE',
          [patch.slug, id],
        );
        if (owners.length > 0) throw new Problem('PRODUCT_SLUG_TAKEN');
      }
      await transaction.execute(
        `UPDATE products SET slug = coalesce($2, slug), name = coalesce($3, name),
           description = coalesce($4, description),
           category_id = CASE WHEN $5 THEN $6::uuid ELSE category_id END, status = coalesce($7, status)
         WHERE id = $1`,
        [
          id,
          patch.slug ?? null,
          patch.name ?? null,
          patch.description ?? null,
          patch.categoryId !== undefined,
          patch.categoryId ?? null,
          patch.status ?? null,
        ],
      );
      const affectsLists = [patch.slug, patch.name, patch.categoryId, patch.status].some(
        (value) => value !== undefined,
      );
      const act = { by, action: 'product.changed', before, after: patch };
      return this.finish(transaction, id, affectsLists, act, true);
    });
  }

  /** @throws Problem PRODUCT_NOT_FOUND, PRECONDITION_FAILED, VARIANT_SKU_TAKEN or VALIDATION_FAILED. */
  async addVariants(
    productId: string,
    version: number | null,
    variants: readonly VariantInput[],
    by: AuditedBy,
  ): Promise<AdminProduct> {
    return this.database.sqlTransaction(async (transaction) => {
      await lockProduct(transaction, productId, version);
      await insertVariants(transaction, productId, variants);
      const act = { by, action: 'product.variants-added', after: { variants } };
      return this.finish(transaction, productId, true, act, true);
    });
  }

  /** `version` is the product's. @throws Problem VARIANT_NOT_FOUND, PRECONDITION_FAILED or VARIANT_SKU_TAKEN. */
  async updateVariant(
    id: string,
    version: number,
    patch: VariantPatch,
    by: AuditedBy,
  ): Promise<AdminProduct> {
    return this.database.sqlTransaction(async (transaction) => {
      const [owner] = await transaction.query<VariantBefore>(
        `SELECT product_id, sku, options, (SELECT jsonb_object_agg(currency, amount_minor) FROM prices
           WHERE variant_id = v.id) AS prices FROM variants v WHERE id = $1`,
        [id],
      );
      if (owner === undefined) throw new Problem('VARIANT_NOT_FOUND');
      await lockProduct(transaction, owner.product_id, version);
      if (patch.sku !== undefined) {
        const owners = await transaction.query<{ id: string }>(
          'SELECT id FROM variants WHERE sku = $1 AND id <> $2 FOR UPDATE',
          [patch.sku, id],
        );
        if (owners.length > 0) throw new Problem('VARIANT_SKU_TAKEN', { extensions: { sku: patch.sku } });
      }
      await transaction.execute(
        'UPDATE variants SET sku = coalesce($2, sku), options = coalesce($3::jsonb, options) WHERE id = $1',
        [id, patch.sku ?? null, patch.options === undefined ? null : JSON.stringify(patch.options)],
      );
      await writePrices(transaction, [{ id, prices: patch.prices ?? [] }]);
      const { product_id: productId, ...before } = owner;
      const act = { by, action: 'product.variant-changed', before, after: { id, ...patch } };
      return this.finish(transaction, productId, (patch.prices ?? []).length > 0, act, true);
    });
  }

  private async finish(
    transaction: SqlTransaction,
    id: string,
    affectsLists: boolean,
    act: CatalogAct,
    isUpdate = false,
  ): Promise<AdminProduct> {
    if (isUpdate) {
      await transaction.execute(
        'UPDATE products SET version = version + 1, updated_at = now() WHERE id = $1',
        [id],
      );
    }
    await refreshPriceRanges(transaction, [id]);
    await this.outbox.append(transaction, [productChanged(id, affectsLists, act)]);
    const [product] = await transaction.query<AdminProduct & Record<string, unknown>>(
      `${PRODUCT} WHERE p.id = $1`,
      [id],
    );
    if (product === undefined) throw new Problem('PRODUCT_NOT_FOUND');
    return product;
  }
}

/** What the product is before the change, but for its description. */
async function lockProduct(
  transaction: SqlTransaction,
  id: string,
  version: number | null,
): Promise<Readonly<Record<string, unknown>>> {
  const [row] = await transaction.query<Record<string, unknown> & { version: number }>(
    `SELECT version, slug, name, status, category_id AS "categoryId" FROM products WHERE id = $1 FOR UPDATE`,
    [id],
  );
  if (row === undefined) throw new Problem('PRODUCT_NOT_FOUND');
  if (version !== null && row.version !== version) throw new Problem('PRECONDITION_FAILED');
  return row;
}

async function requireCategory(transaction: SqlTransaction, id: string | null | undefined): Promise<void> {
  if (id === undefined || id === null) return;
  const rows = await transaction.query('SELECT FROM categories WHERE id = $1 FOR SHARE', [id]);
  if (rows.length === 0) throw new Problem('CATEGORY_NOT_FOUND');
}

async function insertVariants(
  transaction: SqlTransaction,
  productId: string,
  variants: readonly VariantInput[],
): Promise<void> {
  if (variants.length === 0) return;
  const [present] = await transaction.query<{ count: string; next: number }>(
    'SELECT count(*) AS count, coalesce(max(position) + 1, 0) AS next FROM variants WHERE product_id = $1',
    [productId],
  );
  if (Number(present?.count ?? 0) + variants.length > VARIANTS_PER_PRODUCT_MAX) {
    throw new Problem('VALIDATION_FAILED', {
      errors: [
        {
          pointer: '',
          detail: `a product has at most ${String(VARIANTS_PER_PRODUCT_MAX)} variants`,
        },
      ],
    });
  }
  const rows = variants.map(({ sku, options = {}, prices }, index) => ({
    id: newId(),
    sku,
    options,
    prices,
    position: (present?.next ?? 0) + index,
  }));
  const inserted = await transaction.query<{ sku: string }>(
    `INSERT INTO variants (id, product_id, sku, options, position)
     SELECT id, $1, sku, options, position
     FROM jsonb_to_recordset($2::jsonb) AS v (id uuid, sku text, options jsonb, position integer)
     ORDER BY sku ON CONFLICT (sku) DO NOTHING RETURNING sku`,
    [productId, JSON.stringify(rows)],
  );
  const written = new Set(inserted.map(({ sku }) => sku));
  const taken = rows.find(({ sku }) => !written.has(sku));
  if (taken !== undefined) throw new Problem('VARIANT_SKU_TAKEN', { extensions: { sku: taken.sku } });
  await writePrices(transaction, rows);
}

async function writePrices(
  transaction: SqlTransaction,
  variants: readonly { readonly id: string; readonly prices: readonly Money[] }[],
): Promise<void> {
  const rows = variants.flatMap(({ id, prices }) =>
    prices.map(({ amount, currency }) => ({ variant_id: id, amount, currency })),
  );
  if (rows.length === 0) return;
  await transaction.execute(
    `INSERT INTO prices (variant_id, currency, amount_minor)
     SELECT variant_id, currency, amount
     FROM jsonb_to_recordset($1::jsonb) AS p (variant_id uuid, currency char(3), amount bigint)
     ON CONFLICT (variant_id, currency) DO UPDATE SET amount_minor = excluded.amount_minor`,
    [JSON.stringify(rows)],
  );
}
