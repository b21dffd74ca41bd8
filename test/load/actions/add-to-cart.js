// @ts-check
import { check } from 'k6';
import { send } from '../lib/shop.js';

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {{ variantId: string, quantity: number }} line
 */
export function addToCart(client, line) {
  const response = send(client, {
    method: 'POST',
    path: '/api/v1/cart/lines',
    name: 'add_to_cart',
    body: line,
  });
  return check(response, {
    'line is in the cart': ({ status }) => status === 200 || status === 201,
  });
}
