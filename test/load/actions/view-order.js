// @ts-check
import { send } from '../lib/shop.js';

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {string} orderId
 * @returns {string} the order's status, '' when it is not shown
 */
export function viewOrder(client, orderId) {
  const response = send(client, {
    method: 'GET',
    path: `/api/v1/orders/${orderId}`,
    name: 'view_order',
  });
  return response.status === 200 ? String(response.json('status')) : '';
}
