// @ts-check
// The shop owner's actions. They run in setup() and teardown(), where a failure ends the run.
import { send } from '../lib/shop.js';

/** More pages than any sensible sale leaves; a ledger that never ends must not hang the run. */
const LEDGER_PAGES_MAX = 500;

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {{ email: string, password: string }} credentials
 * @returns {import('../lib/shop.js').Client}
 */
export function signInAsAdmin(client, { email, password }) {
  const response = send(client, {
    method: 'POST',
    path: '/api/v1/auth/login',
    name: 'admin',
    body: { email, password },
  });
  expectStatus(response, [200], 'Signing in as ADMIN_EMAIL');
  return { ...client, token: String(response.json('accessToken')) };
}

/**
 * @param {import('../lib/shop.js').Client} admin
 * @param {{ runId: string, stock: number }} sale
 * @returns {{ variantId: string, slug: string }} a new product whose only variant has the stock
 */
export function openSale(admin, { runId, stock }) {
  const slug = `load-sale-${runId}`;
  const created = send(admin, {
    method: 'POST',
    path: '/api/v1/admin/products',
    name: 'admin',
    body: {
      slug,
      name: `Load sale ${runId}`,
      description: `${stock} units, first come, first served.`,
      variants: [
        {
          sku: `LOAD-${runId}`.toUpperCase(),
          options: { edition: 'limited' },
          prices: [
            { currency: 'USD', amount: 19_900 },
            { currency: 'EUR', amount: 18_900 },
          ],
        },
      ],
    },
  });
  expectStatus(created, [201], 'Creating the product');
  const variantId = String(created.json('variants.0.id'));
  setStock(admin, variantId, stock);
  return { variantId, slug };
}

/**
 * @param {import('../lib/shop.js').Client} admin
 * @param {string} variantId
 * @returns {number} units that can still be sold
 */
export function readUnitsLeft(admin, variantId) {
  const response = send(admin, {
    method: 'GET',
    path: `/api/v1/admin/stock/${variantId}`,
    name: 'admin',
  });
  expectStatus(response, [200], 'Reading the stock');
  return Number(response.json('available'));
}

/**
 * What the ledger says was sold or is reserved: every movement but the administrator's own.
 *
 * @param {import('../lib/shop.js').Client} admin
 * @param {string} variantId
 * @returns {number}
 */
export function readUnitsSold(admin, variantId) {
  let sold = 0;
  /** @type {string | null} */
  let cursor = null;
  for (let page = 0; page < LEDGER_PAGES_MAX; page += 1) {
    const query = `limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
    const response = send(admin, {
      method: 'GET',
      path: `/api/v1/admin/stock/${variantId}/movements?${query}`,
      name: 'admin',
    });
    expectStatus(response, [200], 'Reading the ledger');
    const { items, nextCursor } = /** @type {any} */ (response.json());
    for (const { kind, onHandDelta, reservedDelta } of items) {
      if (kind !== 'opening' && kind !== 'adjustment') sold += reservedDelta - onHandDelta;
    }
    if (!nextCursor) return sold;
    cursor = nextCursor;
  }
  throw new Error(`The ledger of ${variantId} has more than ${LEDGER_PAGES_MAX} pages`);
}

/**
 * @param {import('../lib/shop.js').Client} admin
 * @param {string} variantId
 * @param {number} onHand
 */
function setStock(admin, variantId, onHand) {
  const path = `/api/v1/admin/stock/${variantId}`;
  const current = send(admin, { method: 'GET', path, name: 'admin' });
  expectStatus(current, [200], 'Reading the stock');
  const changed = send(admin, {
    method: 'PUT',
    path,
    name: 'admin',
    body: { onHand },
    headers: { 'If-Match': current.headers.Etag ?? '' },
  });
  expectStatus(changed, [200, 204], 'Setting the stock');
}

/**
 * @param {import('k6/http').Response} response
 * @param {number[]} expected
 * @param {string} step
 */
function expectStatus(response, expected, step) {
  if (expected.includes(response.status)) return;
  throw new Error(`${step} was answered ${response.status}: ${response.body ?? response.error}`);
}
