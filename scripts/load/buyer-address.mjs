// Plain functions that both Node and k6 can load: no import of either runtime in this file.

/** 198.18.0.0/15, the range RFC 2544 sets aside for benchmarks: nobody real lives there. */
export const BUYER_ADDRESS_COUNT = 131_072;

/** Enough that no address comes near the shipped limit (1,200 requests a minute) in one sale. */
export const LOOPBACK_ADDRESS_COUNT = 128;

/**
 * The address that the n-th request is sent from. On Linux the whole of 127.0.0.0/8 is this machine, so
 * a crowd on loopback can have many real addresses and the shipped limits stay on; elsewhere only
 * 127.0.0.1 is, and the server has to believe X-Forwarded-For (TRUST_PROXY_HOPS=1).
 *
 * @param {number} index from 0
 * @param {string} platform as process.platform
 * @returns {string | undefined} undefined where the system chooses
 */
export function loopbackAddress(index, platform) {
  return platform === 'linux' ? `127.31.0.${String(1 + (index % LOOPBACK_ADDRESS_COUNT))}` : undefined;
}

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
