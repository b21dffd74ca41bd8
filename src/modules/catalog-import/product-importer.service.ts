import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import {
  type CategoryResult,
  CatalogWriter,
  type ProductInput,
  type ProductResult,
  type VariantResult,
} from '../catalog/index.js';
import { StockService } from '../inventory/index.js';
import { categoryPathKey } from './category-path.js';
import { CategorySlugs } from './category-slugs.js';
import { csvRecords, RECORD_CHARS_MAX } from './csv-records.js';
import type { ImportReport } from './import-report.js';
import type { ProductDraft } from './product-draft.js';
import { type ProductGroup, productGroups } from './product-groups.js';
import type { RefusedRow } from './refused-row.js';
import { textLines } from './text-lines.js';
import { inWritingOrder } from './writing-order.js';

/** Rows that are written together; what one transaction of the catalogue takes at most is its own affair. */
const BATCH_ROWS = 500;
/** Category paths that are remembered as written; a file with more writes some of them twice. */
const REMEMBERED_PATHS_MAX = 10_000;

/** What became of the categories that this run has written, by the key of their path. */
type KnownCategories = Map<string, CategoryResult>;

/**
 * Loads products from CSV. Memory does not grow with the file. Writing the same file again changes
 * nothing; a run that was cut off is mended by the next.
 */
@Injectable()
export class ProductImporter {
  private readonly defaultCurrency: string;

  constructor(
    config: AppConfig,
    private readonly catalog: CatalogWriter,
    private readonly stock: StockService,
  ) {
    this.defaultCurrency = config.env.DEFAULT_CURRENCY;
  }

  /**
   * Rows that cannot go in are refused through the report. When the source fails half-way, what was
   * complete before is written and the source's error is thrown.
   * @throws CatalogueHeaderError before anything is written.
   */
  async run(chunks: AsyncIterable<Uint8Array>, report: ImportReport): Promise<void> {
    const categories: KnownCategories = new Map();
    let batch: ProductDraft[] = [];
    let rowCount = 0;
    const flush = async () => {
      const drafts = batch;
      batch = [];
      rowCount = 0;
      await this.write(drafts, categories, report);
    };
    const take = ({ draft, refused, rowCount: rows }: ProductGroup) => {
      report.rows += rows;
      report.refuse(refused);
      if (draft === null) return;
      batch.push(draft);
      rowCount += rows;
    };

    try {
      const records = csvRecords(textLines(chunks, RECORD_CHARS_MAX));
      for await (const group of productGroups(records, this.defaultCurrency)) {
        take(group);
        if (rowCount >= BATCH_ROWS) await flush();
      }
    } finally {
      await flush();
    }
  }

  private async write(
    drafts: readonly ProductDraft[],
    categories: KnownCategories,
    report: ImportReport,
  ): Promise<void> {
    if (drafts.length === 0) return;
    await this.ensureCategories(drafts, categories, report);
    const refused: RefusedRow[] = [];
    const writable: ProductDraft[] = [];
    for (const draft of drafts) {
      const category = categoryOf(draft, categories);
      if (category?.outcome !== 'rejected') writable.push(draft);
      else refused.push(...refuseAll(draft, `its category cannot be written: ${category.reason}`));
    }
    for (const part of inWritingOrder(writable)) {
      const results = await this.catalog.upsertProducts(part.map((draft) => toInput(draft, categories)));
      const stock: { variantId: string; onHand: number }[] = [];
      for (const [index, draft] of part.entries()) {
        const result = results[index];
        if (result === undefined) continue;
        refused.push(...judge(draft, result, report));
        stock.push(...initialStock(draft, result));
      }
      await this.stock.setInitialStock(stock);
    }
    report.refuse(refused);
  }

  /** Makes the categories of the drafts that this run has not made yet; remembers why one was rejected. */
  private async ensureCategories(
    drafts: readonly ProductDraft[],
    known: KnownCategories,
    report: ImportReport,
  ): Promise<void> {
    if (known.size > REMEMBERED_PATHS_MAX) known.clear();
    const paths = new Map<string, readonly string[]>();
    for (const { product } of drafts) {
      const names = product?.categoryPath ?? [];
      for (let depth = 1; depth <= names.length; depth += 1) {
        const path = names.slice(0, depth);
        const key = categoryPathKey(path);
        if (!known.has(key) && !paths.has(key)) paths.set(key, path);
      }
    }
    if (paths.size === 0) return;
    const results = await this.catalog.upsertCategories((present) => {
      const slugs = new CategorySlugs(present);
      return [...paths.values()].map((path) => ({
        slug: slugs.of(path),
        name: path.at(-1) ?? '',
        parentSlug: path.length === 1 ? undefined : slugs.of(path.slice(0, -1)),
      }));
    });
    [...paths.keys()].forEach((key, index) => {
      const result = results[index];
      if (result === undefined) return;
      known.set(key, result);
      if (result.outcome !== 'rejected') report.count('categories', result.outcome);
    });
  }
}

/** Null when the draft names no category. */
function categoryOf({ product }: ProductDraft, known: KnownCategories): CategoryResult | null {
  const path = product?.categoryPath ?? null;
  return path === null ? null : (known.get(categoryPathKey(path)) ?? null);
}

function toInput(draft: ProductDraft, known: KnownCategories): ProductInput {
  const { slug, product, variants } = draft;
  const category = categoryOf(draft, known);
  return {
    slug,
    name: product?.name,
    description: product?.description,
    status: product?.status,
    categoryId: category === null || category.outcome === 'rejected' ? undefined : category.id,
    variants: variants.map(({ sku, options, prices }) => ({
      sku,
      options: options ?? undefined,
      prices: prices.map(({ currency, amountMinor }) => ({ currency, amount: amountMinor })),
    })),
  };
}

function judge(draft: ProductDraft, result: ProductResult, report: ImportReport): RefusedRow[] {
  if (result.outcome === 'rejected') return refuseAll(draft, result.reason);
  if (draft.product !== null) report.count('products', result.outcome);
  return variantResults(draft, result).flatMap(([variant, written]) => {
    if (written.outcome !== 'rejected') {
      report.count('variants', written.outcome);
      return [];
    }
    return variant.lines.map((line) => ({ line, reason: written.reason }));
  });
}

/**
 * The stock of new variants. Of known variants only what the file states, which counts when they have
 * none yet: a run that ended between its two writes is completed by the next.
 */
function initialStock(draft: ProductDraft, result: ProductResult): { variantId: string; onHand: number }[] {
  if (result.outcome === 'rejected') return [];
  return variantResults(draft, result).flatMap(([{ onHand }, written]) => {
    if (written.outcome === 'rejected') return [];
    if (onHand === null && written.outcome !== 'created') return [];
    return [{ variantId: written.id, onHand: onHand ?? 0 }];
  });
}

function variantResults(
  { variants }: ProductDraft,
  result: Exclude<ProductResult, { outcome: 'rejected' }>,
): [ProductDraft['variants'][number], VariantResult][] {
  const bySku = new Map(result.variants.map((written) => [written.sku, written]));
  return variants.flatMap((variant) => {
    const written = bySku.get(variant.sku);
    return written === undefined ? [] : [[variant, written]];
  });
}

function refuseAll(draft: ProductDraft, reason: string): RefusedRow[] {
  const lines = new Set(draft.variants.flatMap((variant) => variant.lines));
  if (draft.product !== null) lines.add(draft.product.line);
  return [...lines].map((line) => ({ line, reason }));
}
