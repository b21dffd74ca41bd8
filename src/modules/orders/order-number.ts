/** Crockford's alphabet: no letter that is taken for a digit. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * The number that people read to each other, made from the order's UUIDv7: its 45 low bits of time (a
 * thousand years of milliseconds) and 30 of its random bits. It tells nothing of how many orders there
 * are. Two orders of one millisecond share a number once in 10^9 pairs; the database refuses the second
 * one, which is then decided anew under another id.
 */
export function orderNumber(orderId: string): string {
  const time = Number.parseInt(orderId.slice(0, 8) + orderId.slice(9, 13), 16) % 2 ** 45;
  const random = Number.parseInt(orderId.slice(-8), 16) % 2 ** 30;
  return `${crockford(time, 9)}-${crockford(random, 6)}`;
}

function crockford(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = (ALPHABET[rest % 32] ?? '') + text;
  return text;
}
