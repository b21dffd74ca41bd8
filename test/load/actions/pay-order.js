// @ts-check
import { check } from 'k6';
import { sendOnce } from '../lib/shop.js';

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {string} orderId
 * @returns {boolean} whether the order is paid
 */
export function payOrder(client, orderId) {
  const response = sendOnce(client, {
    method: 'POST',
    path: `/api/v1/orders/${orderId}/payments`,
    name: 'pay_order',
    body: { provider: 'test', token: 'tok_success' },
  });
  return check(response, { 'order is paid': ({ status }) => status === 201 });
}
