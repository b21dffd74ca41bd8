// @ts-check
import { check } from 'k6';
import { send } from '../lib/shop.js';

/**
 * @typedef {object} ListedProduct
 * @property {string} id
 * @property {string} slug
 * @property {string} name
 * @property {{ id: string, available: number }[]} variants
 */

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {{ limit?: number, cursor?: string, q?: string, category?: string }} [query]
 * @returns {{ items: ListedProduct[], nextCursor: string | null }} empty when the answer is not a list
 */
export function listProducts(client, query = {}) {
  const search = Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  const response = send(client, {
    method: 'GET',
    path: `/api/v1/products${search && `?${search}`}`,
    name: 'list_products',
  });
  const isListed = check(response, { 'products are listed': ({ status }) => status === 200 });
  if (!isListed) return { items: [], nextCursor: null };
  return /** @type {any} */ (response.json());
}

/**
 * The start of the catalogue, for setup().
 *
 * @param {import('../lib/shop.js').Client} client
 * @param {number} count
 * @returns {ListedProduct[]} at least one
 */
export function listCatalogue(client, count) {
  /** @type {ListedProduct[]} */
  const products = [];
  /** @type {string | null} */
  let cursor = null;
  do {
    const page = listProducts(client, { limit: 100, ...(cursor && { cursor }) });
    products.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor && products.length < count);
  if (products.length === 0) throw new Error('The shop lists no product: is it running and seeded?');
  return products.slice(0, count);
}
