// Plain functions that both Node and k6 can load: no import of either runtime in this file.

/** 198.18.0.0/15, the range RFC 2544 sets aside for benchmarks: nobody real lives there. */
export const BUYER_ADDRESS_COUNT = 131_072;

/**
 * The client address of the n-th buyer, sent as X-Forwarded-For so that the shipped limits by
 * address see a crowd instead of one client. Wraps after BUYER_ADDRESS_COUNT.
 *
 * @param {number} index from 0
 * @returns {string}
 */
export function buyerAddress(index) {
  const host = index % BUYER_ADDRESS_COUNT;
  return `198.${String(18 + (host >> 16))}.${String((host >> 8) & 255)}.${String(host & 255)}`;
}
