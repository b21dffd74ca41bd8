/** Crockford's alphabet: no letter that is taken for a digit. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * The number that people read to each other, made from the order's UUIDv7: its 45 low bits of time (a
 * thousand years of milliseconds) and 30 of its random bits. It tells nothing of how many orders there
 * are. Two orders of one millisecond share a number once in 10^9 pairs; the database refuses the second
 * one, which is then decided anew under another id.
 */
export function orderNumber(orderId: string): string {
  const hex = orderId.replaceAll('-', '');
  const time = BigInt(`0x${hex.slice(0, 12)}`) & ((1n << 45n) - 1n);
  const random = BigInt(`0x${hex.slice(-8)}`) & ((1n << 30n) - 1n);
  return `${crockford(time, 9)}-${crockford(random, 6)}`;
}

function crockford(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest >>= 5n)
    text = (ALPHABET[Number(rest & 31n)] ?? '') + text;
  return text;
}
