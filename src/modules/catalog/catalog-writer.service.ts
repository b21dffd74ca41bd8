import { Injectable } from '@nestjs/common';
import { IMPORT } from './catalog-events.js';
import {
  type CategoryInput,
  productInputFault,
  type ProductInput,
  variantInputFault,
  type VariantInput,
} from './catalog-input.js';
import { CatalogBulkRepository } from './catalog-bulk.repository.js';
import { CatalogCategoryRepository } from './catalog-category.repository.js';
import type { CategoryResult, ProductResult, VariantResult } from './catalog-results.js';
import { type CategoryNode, planCategories } from './category-tree.js';

/** Products that are written in one transaction. */
const PRODUCTS_PER_TRANSACTION = 200;

/**
 * Bulk writes for the import and the seed. Idempotent: categories are identified by external id, then
 * by slug, products by slug, variants by SKU; writing the same again changes nothing and says so.
 * What cannot be written is a result and not an error, and the rest goes in; an error means that the
 * database failed, and everything before the failed batch is committed.
 */
@Injectable()
export class CatalogWriter {
  constructor(
    private readonly repository: CatalogBulkRepository,
    private readonly categories: CatalogCategoryRepository,
  ) {}

  /**
   * One result for each input, in order. A parent may come before or after its children in the same
   * call, or be there already. One transaction, so that the tree is never seen torn. A function makes the
   * inputs of the tree as it is in that transaction.
   */
  async upsertCategories(
    inputs: readonly CategoryInput[] | ((present: readonly CategoryNode[]) => readonly CategoryInput[]),
  ): Promise<CategoryResult[]> {
    const { outcomes } = await this.categories.change(IMPORT, (present) =>
      planCategories(present, typeof inputs === 'function' ? inputs(present) : inputs),
    );
    return [...outcomes];
  }

  /**
   * One result for each input, in order; within it one for each variant, in order. Each transaction
   * takes up to 200 products; a slug or a SKU that comes twice is written in the order of the input, and
   * a SKU that comes twice within one product is one variant with the prices of both.
   */
  async upsertProducts(inputs: readonly ProductInput[]): Promise<ProductResult[]> {
    const results = new Array<ProductResult>(inputs.length);
    const accepted: { index: number; input: ProductInput; rejected: Map<string, string> }[] = [];
    inputs.forEach((input, index) => {
      const reason = productInputFault(input);
      if (reason !== null) {
        results[index] = { outcome: 'rejected', reason };
        return;
      }
      const rejected = new Map<string, string>();
      const variants = input.variants.filter((variant) => {
        const fault = variantInputFault(variant);
        if (fault !== null) rejected.set(variant.sku, fault);
        return fault === null;
      });
      accepted.push({ index, input: { ...input, variants: mergeBySku(variants) }, rejected });
    });

    for (const batch of batchesWithoutRepeats(accepted)) {
      const written = await this.repository.upsertProducts(batch.map(({ input }) => input));
      batch.forEach(({ index, rejected }, i) => {
        const result = written[i];
        if (result === undefined) return;
        results[index] =
          result.outcome === 'rejected'
            ? result
            : { ...result, variants: withRejected(inputs[index]?.variants ?? [], result.variants, rejected) };
      });
    }
    return results;
  }
}

/** One statement cannot write a row twice, so a repeated slug or SKU begins a new batch. */
function* batchesWithoutRepeats<T extends { readonly input: ProductInput }>(
  items: readonly T[],
): Generator<T[]> {
  let batch: T[] = [];
  let seen = new Set<string>();
  for (const item of items) {
    const names = [`slug ${item.input.slug}`, ...item.input.variants.map(({ sku }) => `sku ${sku}`)];
    if (batch.length === PRODUCTS_PER_TRANSACTION || names.some((name) => seen.has(name))) {
      yield batch;
      batch = [];
      seen = new Set();
    }
    batch.push(item);
    for (const name of names) seen.add(name);
  }
  if (batch.length > 0) yield batch;
}

/** A SKU that comes twice in one product is one variant: its prices add up, the later word counts. */
function mergeBySku(variants: readonly VariantInput[]): VariantInput[] {
  const merged = new Map<string, VariantInput>();
  for (const variant of variants) {
    const before = merged.get(variant.sku);
    const kept = before?.prices.filter(
      ({ currency }) => !variant.prices.some((price) => price.currency === currency),
    );
    merged.set(variant.sku, {
      sku: variant.sku,
      options: variant.options ?? before?.options,
      prices: [...(kept ?? []), ...variant.prices],
    });
  }
  return [...merged.values()];
}

function withRejected(
  inputs: readonly { readonly sku: string }[],
  written: readonly VariantResult[],
  rejected: ReadonlyMap<string, string>,
): VariantResult[] {
  const bySku = new Map(written.map((result) => [result.sku, result]));
  return inputs.map(
    ({ sku }) =>
      bySku.get(sku) ?? {
        outcome: 'rejected',
        sku,
        reason: rejected.get(sku) ?? 'the variant was not written',
      },
  );
}
