import type { ProductDraft } from './product-draft.js';

/**
 * The drafts of a batch as they are written: first those that describe their product, then variants and
 * prices of products that are known, because their product may stand below them in this very batch. Where
 * both have a price of the same SKU in the same currency, the lower line of the file counts, as it does
 * between batches.
 */
export function inWritingOrder(drafts: readonly ProductDraft[]): readonly (readonly ProductDraft[])[] {
  const described = drafts.filter(({ product }) => product !== null);
  const lines = new Map<string, number>();
  for (const { slug, line, variants } of described) {
    for (const { sku, prices } of variants)
      for (const { currency } of prices) lines.set(priceKey(slug, sku, currency), line);
  }
  const others = drafts
    .filter(({ product }) => product === null)
    .map((draft) => ({
      ...draft,
      variants: draft.variants.map((variant) => ({
        ...variant,
        prices: variant.prices.filter(
          ({ currency }) => (lines.get(priceKey(draft.slug, variant.sku, currency)) ?? 0) < draft.line,
        ),
      })),
    }));
  return [described, others];
}

function priceKey(...names: [slug: string, sku: string, currency: string]): string {
  return JSON.stringify(names);
}
