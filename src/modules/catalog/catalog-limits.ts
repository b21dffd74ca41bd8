/** What the catalogue accepts, whoever writes: the API, the import or the seed. */
export const SLUG_LENGTH_MAX = 120;
export const NAME_LENGTH_MAX = 200;
export const DESCRIPTION_LENGTH_MAX = 10_000;
export const SKU_LENGTH_MAX = 100;
export const OPTION_NAME_LENGTH_MAX = 50;
export const OPTION_VALUE_LENGTH_MAX = 100;
export const OPTIONS_PER_VARIANT_MAX = 10;
/** A page of 100 products stays a few megabytes even when each has all of these. */
export const VARIANTS_PER_PRODUCT_MAX = 100;
export const PRICES_PER_VARIANT_MAX = 20;
export const CATEGORY_DEPTH_MAX = 12;

/** Lower-case words joined by single hyphens: what a URL shows without escaping. */
export const SLUG_PATTERN = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** Visible text without control characters, not blank at its ends. */
export const SKU_PATTERN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

export function isSlug(text: string): boolean {
  return text.length <= SLUG_LENGTH_MAX && SLUG_PATTERN.test(text);
}
