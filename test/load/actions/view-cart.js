// @ts-check
import { check } from 'k6';
import { send } from '../lib/shop.js';

/**
 * @param {import('../lib/shop.js').Client} client
 * @returns {string | null} the cart's id, null when there is none
 */
export function viewCart(client) {
  const response = send(client, { method: 'GET', path: '/api/v1/cart', name: 'view_cart' });
  const isShown = check(response, { 'cart is shown': ({ status }) => status === 200 });
  const id = isShown ? response.json('id') : null;
  return id ? String(id) : null;
}
