import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { EventOutbox } from '../../core/events/index.js';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { IMPORT, productsChanged } from './catalog-events.js';
import type { ProductInput } from './catalog-input.js';
import { VARIANTS_PER_PRODUCT_MAX } from './catalog-limits.js';
import type { ProductResult, VariantResult } from './catalog-results.js';
import { refreshPriceRanges } from './catalog-prices.repository.js';

interface ProductRow {
  readonly id: string;
  readonly slug: string;
}

interface VariantRow {
  readonly id: string;
  readonly sku: string;
  readonly product_id: string;
}

interface Written {
  readonly id: string;
  outcome: 'created' | 'updated' | 'unchanged';
}

/** Writes many products in one transaction and a constant number of statements. */
@Injectable()
export class CatalogBulkRepository {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly outbox: EventOutbox,
  ) {}

  /** Inputs are valid and repeat neither a slug nor a SKU. */
  async upsertProducts(inputs: readonly ProductInput[]): Promise<ProductResult[]> {
    return this.database.sqlTransaction(async (transaction) => {
      const categoryIds = await findCategoryIds(transaction, inputs);
      const faults = inputs.map((input) => categoryFault(input, categoryIds));
      const possible = inputs.filter((_, index) => faults[index] === null);

      const products = await upsertProductRows(transaction, possible, categoryIds);
      // A product without a name is only there if it was there before.
      const accepted = possible.filter(({ slug }) => products.has(slug));
      const variants = await upsertVariantRows(transaction, accepted, products);
      const repriced = await upsertPrices(transaction, accepted, variants);

      const changed = new Set<string>();
      for (const { id, outcome } of products.values()) if (outcome !== 'unchanged') changed.add(id);
      const touched = new Set<string>();
      for (const input of accepted) {
        const product = products.get(input.slug);
        if (product === undefined) continue;
        for (const { sku } of input.variants) {
          const variant = variants.get(sku);
          if (variant === undefined || variant.outcome === 'rejected') continue;
          if (variant.outcome === 'unchanged' && repriced.has(variant.id))
            variants.set(sku, { ...variant, outcome: 'updated' });
          if (variants.get(sku)?.outcome !== 'unchanged') touched.add(product.id);
        }
        if (touched.has(product.id) && product.outcome === 'unchanged') product.outcome = 'updated';
      }
      // A write to a variant is a write to its product: whoever holds the old version must read again.
      const bumped = [...touched].filter((id) => !changed.has(id));
      if (bumped.length > 0) {
        await transaction.execute(
          'UPDATE products SET version = version + 1, updated_at = now() WHERE id = ANY ($1::uuid[])',
          [bumped],
        );
      }
      if (touched.size > 0) await refreshPriceRanges(transaction, [...touched]);
      const [first, ...rest] = new Set([...changed, ...touched]);
      if (first !== undefined) {
        const act = { by: IMPORT, action: 'products.imported', after: { productIds: [first, ...rest] } };
        await this.outbox.append(transaction, [productsChanged([first, ...rest], act)]);
      }

      return inputs.map((input, index): ProductResult => {
        const reason = faults[index] ?? null;
        const product = products.get(input.slug);
        if (reason !== null || product === undefined)
          return { outcome: 'rejected', reason: reason ?? 'there is no product with this slug' };
        return {
          outcome: product.outcome,
          id: product.id,
          variants: input.variants.flatMap(({ sku }) => variants.get(sku) ?? []),
        };
      });
    });
  }
}

/** The ids of the categories the inputs name, by id and by slug. */
async function findCategoryIds(
  transaction: SqlTransaction,
  inputs: readonly ProductInput[],
): Promise<Map<string, string>> {
  const ids = inputs.flatMap(({ categoryId }) => categoryId ?? []);
  const slugs = inputs.flatMap(({ categorySlug }) => categorySlug ?? []);
  const rows = await transaction.query<{ id: string; slug: string }>(
    'SELECT id, slug FROM categories WHERE id::text = ANY ($1) OR slug = ANY ($2)',
    [ids, slugs],
  );
  return new Map(rows.flatMap(({ id, slug }) => [[id, id] as const, [slug, id] as const]));
}

function categoryFault(
  { categoryId, categorySlug }: ProductInput,
  known: ReadonlyMap<string, string>,
): string | null {
  const name = categoryId ?? categorySlug;
  return name === undefined || known.has(name) ? null : `the category "${name.slice(0, 60)}" does not exist`;
}

async function upsertProductRows(
  transaction: SqlTransaction,
  inputs: readonly ProductInput[],
  categoryIds: ReadonlyMap<string, string>,
): Promise<Map<string, Written>> {
  const rows = inputs
    .filter(({ name }) => name !== undefined)
    .map((input) => ({
      id: newId(),
      slug: input.slug,
      name: input.name,
      description: input.description ?? null,
      has_category: input.categoryId !== undefined || input.categorySlug !== undefined,
      category_id: categoryIds.get(input.categoryId ?? input.categorySlug ?? '') ?? null,
      status: input.status ?? null,
    }));
  const newIds = new Set(rows.map(({ id }) => id));
  // Rows are locked in the order of their slugs by every bulk writer, so that two of them cannot deadlock;
  // the update that changes nothing is skipped, but its row stays locked until the prices are written.
  const written = await transaction.query<ProductRow & Record<string, unknown>>(
    `WITH input AS (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS i (id uuid, slug text, name text, description text,
         has_category boolean, category_id uuid, status text)
     )
     INSERT INTO products AS p (id, slug, name, description, category_id, status)
     SELECT id, slug, name, coalesce(description, ''), category_id, coalesce(status, 'active')
     FROM input ORDER BY slug
     ON CONFLICT (slug) DO UPDATE SET
       name = excluded.name,
       description = coalesce((SELECT description FROM input WHERE slug = excluded.slug), p.description),
       category_id = CASE WHEN (SELECT has_category FROM input WHERE slug = excluded.slug)
         THEN excluded.category_id ELSE p.category_id END,
       status = coalesce((SELECT status FROM input WHERE slug = excluded.slug), p.status),
       version = p.version + 1,
       updated_at = now()
     WHERE (p.name, p.description, p.category_id, p.status) IS DISTINCT FROM (
       excluded.name,
       coalesce((SELECT description FROM input WHERE slug = excluded.slug), p.description),
       CASE WHEN (SELECT has_category FROM input WHERE slug = excluded.slug)
         THEN excluded.category_id ELSE p.category_id END,
       coalesce((SELECT status FROM input WHERE slug = excluded.slug), p.status))
     RETURNING id, slug`,
    [JSON.stringify(rows)],
  );
  const result = new Map<string, Written>(
    written.map(({ id, slug }) => [slug, { id, outcome: newIds.has(id) ? 'created' : 'updated' }]),
  );
  const rest = inputs.flatMap(({ slug }) => (result.has(slug) ? [] : slug));
  if (rest.length > 0) {
    const unchanged = await transaction.query<ProductRow & Record<string, unknown>>(
      'SELECT id, slug FROM products WHERE slug = ANY ($1) ORDER BY slug FOR UPDATE',
      [rest],
    );
    for (const { id, slug } of unchanged) result.set(slug, { id, outcome: 'unchanged' });
  }
  return result;
}

async function upsertVariantRows(
  transaction: SqlTransaction,
  inputs: readonly ProductInput[],
  products: ReadonlyMap<string, Written>,
): Promise<Map<string, VariantResult>> {
  const rows = inputs.flatMap((input) =>
    input.variants.map((variant, index) => ({
      id: newId(),
      product_id: products.get(input.slug)?.id ?? null,
      sku: variant.sku,
      options: variant.options ?? null,
      index,
    })),
  );
  const result = new Map<string, VariantResult>();
  if (rows.length === 0) return result;
  const payload = JSON.stringify(rows);
  const inserted = await transaction.query<VariantRow & Record<string, unknown>>(
    `WITH input AS (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS i (id uuid, product_id uuid, sku text, options jsonb, index integer)
     ), fresh AS (
       SELECT *, row_number() OVER (PARTITION BY product_id ORDER BY index) AS ordinal FROM input
       WHERE NOT EXISTS (SELECT FROM variants v WHERE v.sku = input.sku)
     ), present AS (
       SELECT product_id, max(position) AS last, count(*) AS count FROM variants
       WHERE product_id IN (SELECT product_id FROM input) GROUP BY product_id
     )
     INSERT INTO variants (id, product_id, sku, options, position)
     SELECT f.id, f.product_id, f.sku, coalesce(f.options, '{}'), coalesce(p.last, -1) + f.ordinal
     FROM fresh f LEFT JOIN present p USING (product_id)
     WHERE coalesce(p.count, 0) + f.ordinal <= $2
     ORDER BY f.sku
     ON CONFLICT (sku) DO NOTHING
     RETURNING id, sku, product_id`,
    [payload, VARIANTS_PER_PRODUCT_MAX],
  );
  for (const { id, sku } of inserted) result.set(sku, { outcome: 'created', sku, id });

  const present = await transaction.query<VariantRow & Record<string, unknown>>(
    'SELECT id, sku, product_id FROM variants WHERE sku = ANY ($1)',
    [rows.flatMap(({ sku }) => (result.has(sku) ? [] : sku))],
  );
  const owners = new Map(present.map((row) => [row.sku, row]));
  const updated = await transaction.query<VariantRow & Record<string, unknown>>(
    `UPDATE variants v SET options = i.options
     FROM jsonb_to_recordset($1::jsonb) AS i (product_id uuid, sku text, options jsonb)
     WHERE v.sku = i.sku AND v.product_id = i.product_id AND i.options IS NOT NULL
       AND v.options IS DISTINCT FROM i.options
     RETURNING v.id, v.sku, v.product_id`,
    [payload],
  );
  const updatedSkus = new Set(updated.map(({ sku }) => sku));
  for (const { sku, product_id: productId } of rows) {
    if (result.has(sku)) continue;
    const owner = owners.get(sku);
    if (owner === undefined) {
      const reason = `the product has ${String(VARIANTS_PER_PRODUCT_MAX)} variants already`;
      result.set(sku, { outcome: 'rejected', sku, reason });
    } else if (owner.product_id !== productId) {
      result.set(sku, { outcome: 'rejected', sku, reason: 'the SKU belongs to another product' });
    } else {
      result.set(sku, { outcome: updatedSkus.has(sku) ? 'updated' : 'unchanged', sku, id: owner.id });
    }
  }
  return result;
}

/** The ids of the variants that have a price they did not have before. */
async function upsertPrices(
  transaction: SqlTransaction,
  inputs: readonly ProductInput[],
  variants: ReadonlyMap<string, VariantResult>,
): Promise<Set<string>> {
  const rows = inputs.flatMap((input) =>
    input.variants.flatMap(({ sku, prices }) => {
      const variant = variants.get(sku);
      if (variant === undefined || variant.outcome === 'rejected') return [];
      return prices.map(({ currency, amount }) => ({ variant_id: variant.id, currency, amount }));
    }),
  );
  if (rows.length === 0) return new Set();
  const written = await transaction.query<{ variant_id: string }>(
    `INSERT INTO prices AS p (variant_id, currency, amount_minor)
     SELECT variant_id, currency, amount
     FROM jsonb_to_recordset($1::jsonb) AS i (variant_id uuid, currency char(3), amount bigint)
     ON CONFLICT (variant_id, currency) DO UPDATE SET amount_minor = excluded.amount_minor
     WHERE p.amount_minor <> excluded.amount_minor
     RETURNING variant_id`,
    [JSON.stringify(rows)],
  );
  return new Set(written.map(({ variant_id: id }) => id));
}
