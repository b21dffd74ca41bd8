/** An amount in minor units (cents) of one ISO 4217 currency; always a safe integer, never a float. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** The largest amount that the database accepts for one price: 10^12 minor units. */
export const PRICE_AMOUNT_MINOR_MAX = 1_000_000_000_000;

/** Decimal places of the currencies that do not have two (ISO 4217). */
const EXPONENTS: Readonly<Record<string, number>> = {
  BHD: 3,
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  IQD: 3,
  ISK: 0,
  JOD: 3,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  PYG: 0,
  RWF: 0,
  TND: 3,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
};

export function isCurrencyCode(value: string): boolean {
  return /^[A-Z]{3}$/.test(value);
}

/** Decimal places of the currency's minor unit, 0 to 3. */
function currencyExponent(currency: string): number {
  return EXPONENTS[currency] ?? 2;
}

/**
 * Reads a decimal such as `879.99` as minor units without going through a float.
 * Returns null when the text is not a non-negative decimal, has more places than the currency,
 * or exceeds {@link PRICE_AMOUNT_MINOR_MAX}.
 */
export function parseDecimalAmount(text: string, currency: string): number | null {
  const exponent = currencyExponent(currency);
  const match = /^(\d{1,13})(?:\.(\d+))?$/.exec(text.trim());
  if (!match) return null;
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > exponent) return null;
  const amount = Number(`${match[1] ?? ''}${fraction.padEnd(exponent, '0')}`);
  return amount <= PRICE_AMOUNT_MINOR_MAX ? amount : null;
}
