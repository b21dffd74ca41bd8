/**
 * The number that plain decimal digits spell, NaN for anything else: also for what JavaScript would take
 * as a number, such as `0x10`, `1e1`, `+1`, ` 1` or the empty text. 15 digits are exact.
 */
export function parseDecimalInteger(text: unknown): number {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}
