// The requests of the load as ready bytes. Every client has an address of its own, so the shipped
// limits stay on without stopping the run; every order has a key of its own.
import { randomUUID } from 'node:crypto';
import { buyerAddress } from '../scripts/load/buyer-address.mjs';

/** 1,200 requests a minute and address are allowed; this many addresses share the load. */
const READERS = 20_000;

/**
 * @param {string} path
 * @returns {() => Buffer} the next reader's GET
 */
export function createReads(path) {
  const requests = Array.from({ length: READERS }, (_, reader) =>
    Buffer.from(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nX-Forwarded-For: ${buyerAddress(reader)}\r\n\r\n`,
    ),
  );
  return takeTurns(requests);
}

/**
 * @param {{ token: string }[]} buyers
 * @returns {() => Buffer} the next buyer's look into the cart
 */
export function createCartViews(buyers) {
  return takeTurns(
    buyers.map(({ token }, buyer) =>
      Buffer.from(
        `GET /api/v1/cart HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n` +
          `X-Forwarded-For: ${buyerAddress(buyer)}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      ),
    ),
  );
}

/**
 * @param {{ token: string }[]} buyers
 * @param {string} variantId
 * @returns {() => Buffer} the next buyer's order of one unit
 */
export function createOrders(buyers, variantId) {
  const body = JSON.stringify({
    lines: [{ variantId, quantity: 1 }],
    shippingAddress: {
      name: 'Bench Buyer',
      line1: '1 Riverside Walk',
      city: 'Lisbon',
      postalCode: '1100-148',
      country: 'PT',
    },
  });
  const heads = buyers.map(
    ({ token }, buyer) =>
      `POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n` +
      `X-Forwarded-For: ${buyerAddress(buyer)}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\nIdempotency-Key: `,
  );
  const nextHead = takeTurns(heads);
  return () => Buffer.from(`${nextHead()}${randomUUID()}\r\n\r\n${body}`, 'latin1');
}

/**
 * @template T
 * @param {T[]} items at least one
 * @returns {() => T}
 */
function takeTurns(items) {
  let next = 0;
  return () => /** @type {T} */ (items[next++ % items.length]);
}
