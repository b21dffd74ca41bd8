// @ts-check
import { problemCode, sendOnce } from '../lib/shop.js';

const SHIPPING_ADDRESS = {
  name: 'Load Buyer',
  line1: '1 Riverside Walk',
  city: 'Lisbon',
  postalCode: '1100-148',
  country: 'PT',
};

/**
 * @typedef {object} OrderOutcome
 * @property {'placed' | 'out_of_stock' | 'unexpected'} kind
 * @property {string | null} orderId only when placed
 * @property {string} detail status and code, for the log
 */

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {{ lines: { variantId: string, quantity: number }[] } | { cartId: string }} content
 * @returns {OrderOutcome}
 */
export function placeOrder(client, content) {
  const response = sendOnce(client, {
    method: 'POST',
    path: '/api/v1/orders',
    name: 'place_order',
    body: { ...content, shippingAddress: SHIPPING_ADDRESS },
  });
  const code = problemCode(response);
  const detail = `${response.status} ${code}`.trim();
  if (response.status === 201) {
    return { kind: 'placed', orderId: String(response.json('id')), detail };
  }
  const isOutOfStock = response.status === 409 && code === 'ORDER_OUT_OF_STOCK';
  return { kind: isOutOfStock ? 'out_of_stock' : 'unexpected', orderId: null, detail };
}
