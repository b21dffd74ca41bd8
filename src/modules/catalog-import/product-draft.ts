import type { ProductRow, ProductStatus, UnreadableRow } from './product-row.js';
import type { RefusedRow } from './refused-row.js';

export interface PriceDraft {
  readonly currency: string;
  readonly amountMinor: number;
}

export interface VariantDraft {
  readonly sku: string;
  /** Null when no row states options: a known variant keeps its own. */
  readonly options: Readonly<Record<string, string>> | null;
  readonly prices: readonly PriceDraft[];
  /** Null when no row states a stock. */
  readonly onHand: number | null;
  /** The rows that the variant is made of. */
  readonly lines: readonly number[];
}

/** Neighbouring rows of one slug, put together. */
export interface ProductDraft {
  readonly slug: string;
  /** The line of its first row. */
  readonly line: number;
  /** Null when the rows hold only variants or prices: the product must be known already. */
  readonly product: {
    readonly line: number;
    readonly name: string;
    readonly description: string;
    readonly status: ProductStatus;
    readonly categoryPath: readonly string[] | null;
  } | null;
  readonly variants: readonly VariantDraft[];
}

interface VariantInProgress {
  options: Readonly<Record<string, string>> | null;
  onHand: number | null;
  readonly prices: Map<string, number>;
  readonly lines: number[];
}

/**
 * Makes one product of its rows. The first row that has a name describes the product; the others are
 * variants, or further prices when their SKU came before. A product whose row carries a price and that
 * has no other SKU is its own variant; a price of 0 in that row only says that the variants carry them.
 * When the product's row was not understood, its variants have nothing to belong to and are refused.
 */
export function draftProduct(
  slug: string,
  rows: readonly (ProductRow | UnreadableRow)[],
): { readonly draft: ProductDraft | null; readonly refused: readonly RefusedRow[] } {
  const refused: RefusedRow[] = [];
  const [first] = rows;
  if (first === undefined) return { draft: null, refused };
  if ('reason' in first) {
    refused.push({ line: first.line, reason: first.reason });
    for (const { line } of rows.slice(1)) {
      refused.push({
        line,
        reason: `the first row of its product, in line ${String(first.line)}, was refused`,
      });
    }
    return { draft: null, refused };
  }

  const head = first.name === null ? null : first;
  const variants = new Map<string, VariantInProgress>();
  const isOwnVariant = isSoldByItself(head, rows);
  for (const row of rows) {
    if ('reason' in row) {
      refused.push({ line: row.line, reason: row.reason });
      continue;
    }
    if (row === head && !isOwnVariant) continue;
    const reason = addRow(variants, row, head, isOwnVariant);
    if (reason !== null) refused.push({ line: row.line, reason });
  }
  return {
    draft: {
      slug,
      line: first.line,
      product:
        head === null
          ? null
          : {
              line: head.line,
              name: head.name ?? '',
              description: head.description,
              status: head.status ?? 'active',
              categoryPath: head.categoryPath,
            },
      variants: [...variants].map(([sku, { options, onHand, prices, lines }]) => ({
        sku,
        options,
        onHand,
        prices: [...prices].map(([currency, amountMinor]) => ({ currency, amountMinor })),
        lines,
      })),
    },
    refused,
  };
}

function isSoldByItself(head: ProductRow | null, rows: readonly (ProductRow | UnreadableRow)[]): boolean {
  if (head === null || (head.amountMinor ?? 0) === 0) return false;
  return rows.every((row) => !('reason' in row) && row.sku === head.sku);
}

/** The reason when the row cannot be part of the product. */
function addRow(
  variants: Map<string, VariantInProgress>,
  row: ProductRow,
  head: ProductRow | null,
  isOwnVariant: boolean,
): string | null {
  if (head !== null && row.sku === head.sku && !isOwnVariant) {
    return 'it repeats the SKU of the product, which is sold through its variants';
  }
  const amountMinor = row.amountMinor ?? inheritedAmount(head, row.currency);
  if (amountMinor === null) return 'price is empty';
  const variant = variants.get(row.sku) ?? {
    options: null,
    onHand: null,
    prices: new Map<string, number>(),
    lines: [],
  };
  const known = variant.prices.get(row.currency);
  if (known !== undefined && known !== amountMinor) {
    return `the SKU has another price in ${row.currency} in line ${String(variant.lines[0] ?? row.line)}`;
  }
  variant.prices.set(row.currency, amountMinor);
  variant.options ??= row.options;
  variant.onHand ??= row.onHand;
  variant.lines.push(row.line);
  variants.set(row.sku, variant);
  return null;
}

function inheritedAmount(head: ProductRow | null, currency: string): number | null {
  if (head === null || head.currency !== currency) return null;
  return head.amountMinor === 0 ? null : head.amountMinor;
}
