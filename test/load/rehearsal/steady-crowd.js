// @ts-check
/* global __VU, console, crypto */
/* eslint no-console: off -- its lines are the record */
// Reads, orders with an Idempotency-Key and additions to carts at a steady rate, for rehearsals that break something
// meanwhile. Nothing is sent twice: what a retry can save is the gateway's to save. Each answer is a line of JSON on the
// console (`--console-output`), which the rehearsal compares with the database. `npm run rehearse:node`
import { send, problemCode } from '../lib/shop.js';
import { chooseFirstAddress, loadBuyers } from '../lib/crowd.js';
import { numberParameter, textParameter } from '../lib/parameters.js';
import { buyerAddress } from '../../../scripts/load/buyer-address.mjs';

const VARIANT = textParameter('VARIANT_ID', '');
const SLUG = textParameter('SLUG', 'rehearsal');
const buyers = loadBuyers();

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: numberParameter('RATE', 40),
      timeUnit: '1s',
      duration: `${numberParameter('SECONDS', 60)}s`,
      preAllocatedVUs: 60,
      maxVUs: 300,
      // Longer than any answer takes: the last ones count as well.
      gracefulStop: '30s',
    },
  },
  // The name in the certificate, which nobody has signed.
  hosts: { 'shop.example.com': textParameter('GATEWAY', '127.0.0.1:443') },
  insecureSkipTLSVerify: true,
  discardResponseBodies: true,
};

export const setup = chooseFirstAddress;

/** Nobody is refused for too many requests: each of a minute's clients has an address of its own. */
let visits = __VU * 1000;

/** @param {number} firstAddress */
export default function shop(firstAddress) {
  visits += 1;
  const buyer = buyers[visits % buyers.length];
  const client = { address: buyerAddress(firstAddress + visits), token: buyer?.token ?? '' };
  const choice = Math.random();
  if (choice < 0.35) {
    record('read', send(client, { method: 'GET', path: `/api/v1/products/${SLUG}`, name: 'view_product' }));
  } else if (choice < 0.6) {
    record('read', send(client, { method: 'GET', path: '/api/v1/orders?limit=5', name: 'list_orders' }));
  } else if (choice < 0.92) {
    const key = crypto.randomUUID();
    const response = send(client, {
      ...{ method: 'POST', path: '/api/v1/orders', name: 'place_order' },
      headers: { 'Idempotency-Key': key },
      body: {
        lines: [{ variantId: VARIANT, quantity: 1 }],
        shippingAddress: {
          ...{
            name: 'Buyer',
            line1: '1 Riverside Walk',
            city: 'Lisbon',
            postalCode: '1100-148',
            country: 'PT',
          },
        },
      },
    });
    record('order', response, { key, order: response.status === 201 ? String(response.json('id')) : null });
  } else {
    const body = { variantId: VARIANT, quantity: 1 };
    record('cart', send(client, { method: 'POST', path: '/api/v1/cart/lines', name: 'add_to_cart', body }));
  }
}

/**
 * @param {string} kind
 * @param {import('k6/http').Response} response
 * @param {object} [more]
 */
function record(kind, response, more = {}) {
  const { status, error, timings } = response;
  const code = status >= 400 ? problemCode(response) : error;
  console.log(
    JSON.stringify({ kind, status, code, at: Date.now(), ms: Math.round(timings.duration), ...more }),
  );
}
