// @ts-check
import { check } from 'k6';
import { send } from '../lib/shop.js';

/**
 * @param {import('../lib/shop.js').Client} client
 * @param {string} idOrSlug
 * @param {{ etag?: string }} [known] what an earlier view answered with: a 304 is enough then
 * @returns {string} the ETag, '' when there is none
 */
export function viewProduct(client, idOrSlug, { etag } = {}) {
  const response = send(client, {
    method: 'GET',
    path: `/api/v1/products/${idOrSlug}`,
    name: 'view_product',
    ...(etag && { headers: { 'If-None-Match': etag } }),
  });
  check(response, {
    'product is shown': ({ status }) => status === 200 || (etag !== undefined && status === 304),
  });
  return response.headers.Etag ?? '';
}
