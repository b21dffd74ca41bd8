import { isCurrencyCode, PRICE_AMOUNT_MINOR_MAX, type Money } from '../../common/money.js';
import * as limits from './catalog-limits.js';

export type ProductStatus = 'draft' | 'active' | 'archived';

export interface CategoryInput {
  /** The id in the system the category comes from; identifies it before the slug does. */
  readonly externalId?: string | undefined;
  readonly slug: string;
  readonly name: string;
  /** The parent by one of three names; none: the category is a root. */
  readonly parentId?: string | undefined;
  readonly parentExternalId?: string | undefined;
  readonly parentSlug?: string | undefined;
  /** Order among its siblings. Left as it is when undefined; 0 for a new category. */
  readonly position?: number | undefined;
}

export interface VariantInput {
  readonly sku: string;
  /** Such as `{"Color": "Matte Black"}`. Left as they are when undefined; none for a new variant. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  /** One per currency; the currencies of a variant that are not named here keep their price. */
  readonly prices: readonly Money[];
}

export interface ProductInput {
  readonly slug: string;
  /** Undefined: the product must exist and keeps its name; without one it is rejected. */
  readonly name?: string | undefined;
  /** Left as it is when undefined; empty for a new product. */
  readonly description?: string | undefined;
  /** At most one of the two; both undefined: left as it is. */
  readonly categoryId?: string | null | undefined;
  readonly categorySlug?: string | undefined;
  /** Left as it is when undefined; active for a new product. */
  readonly status?: ProductStatus | undefined;
  /** Existing variants that are not named here stay. */
  readonly variants: readonly VariantInput[];
}

/** Why the input cannot become a category, null when it can. */
export function categoryInputFault(input: CategoryInput): string | null {
  if (!limits.isSlug(input.slug))
    return `the slug "${clip(input.slug)}" is not lower-case words joined by hyphens`;
  if (input.externalId !== undefined && (input.externalId === '' || input.externalId.length > 100))
    return 'the external id is empty or longer than 100 characters';
  const { position = 0 } = input;
  if (!Number.isInteger(position) || Math.abs(position) > 1_000_000)
    return 'the position is not a small integer';
  return textFault('name', input.name, 1, limits.NAME_LENGTH_MAX);
}

/** Why the input cannot become a product, null when it can. Variants are judged one by one. */
export function productInputFault(input: ProductInput): string | null {
  if (!limits.isSlug(input.slug))
    return `the slug "${clip(input.slug)}" is not lower-case words joined by hyphens`;
  if (input.variants.length > limits.VARIANTS_PER_PRODUCT_MAX)
    return `more than ${String(limits.VARIANTS_PER_PRODUCT_MAX)} variants`;
  return (
    (input.name === undefined ? null : textFault('name', input.name, 1, limits.NAME_LENGTH_MAX)) ??
    textFault('description', input.description ?? '', 0, limits.DESCRIPTION_LENGTH_MAX)
  );
}

/** Why the input cannot become a variant, null when it can. */
export function variantInputFault(input: VariantInput): string | null {
  if (input.sku.length > limits.SKU_LENGTH_MAX || !limits.SKU_PATTERN.test(input.sku))
    return `the SKU "${clip(input.sku)}" is empty, too long or not visible ASCII`;
  return optionsFault(input.options ?? {}) ?? pricesFault(input.prices);
}

export function optionsFault(options: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries(options);
  if (entries.length > limits.OPTIONS_PER_VARIANT_MAX)
    return `more than ${String(limits.OPTIONS_PER_VARIANT_MAX)} options`;
  for (const [name, value] of entries) {
    const fault =
      textFault('option name', name, 1, limits.OPTION_NAME_LENGTH_MAX) ??
      textFault(`option ${clip(name)}`, value, 0, limits.OPTION_VALUE_LENGTH_MAX);
    if (fault !== null) return fault;
  }
  return null;
}

function pricesFault(prices: readonly Money[]): string | null {
  if (prices.length > limits.PRICES_PER_VARIANT_MAX)
    return `more than ${String(limits.PRICES_PER_VARIANT_MAX)} prices`;
  const currencies = new Set(prices.map(({ currency }) => currency));
  if (currencies.size < prices.length) return 'two prices in the same currency';
  for (const { amount, currency } of prices) {
    if (!isCurrencyCode(currency)) return `"${clip(currency)}" is not a currency code`;
    if (!Number.isSafeInteger(amount) || amount < 0 || amount > PRICE_AMOUNT_MINOR_MAX)
      return `the price in ${currency} is not an integer of minor units from 0 to 10^12`;
  }
  return null;
}

function textFault(what: string, text: unknown, min: number, max: number): string | null {
  if (typeof text !== 'string') return `the ${what} is not a text`;
  if (text.trim().length < min) return `the ${what} is empty`;
  if (text.length > max) return `the ${what} is longer than ${String(max)} characters`;
  // PostgreSQL stores no NUL, and half of a surrogate pair is not Unicode text.
  if (text.includes('\0') || !text.isWellFormed()) return `the ${what} is not valid text`;
  return null;
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
