/** What became of one input of a bulk write. A rejection is a value: the rest goes in. */
export type CategoryResult =
  | { readonly outcome: 'created' | 'updated' | 'unchanged'; readonly id: string }
  | { readonly outcome: 'rejected'; readonly reason: string };

export type VariantResult =
  | { readonly outcome: 'created' | 'updated' | 'unchanged'; readonly sku: string; readonly id: string }
  | { readonly outcome: 'rejected'; readonly sku: string; readonly reason: string };

export type ProductResult =
  | {
      readonly outcome: 'created' | 'updated' | 'unchanged';
      readonly id: string;
      /** In the order of the input. Stock belongs to those whose outcome is `created`, and only to them. */
      readonly variants: readonly VariantResult[];
    }
  | { readonly outcome: 'rejected'; readonly reason: string };
