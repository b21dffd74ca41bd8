// @ts-check
import { check } from 'k6';
import { send } from '../lib/shop.js';

/** @param {import('../lib/shop.js').Client} client */
export function listCategories(client) {
  const response = send(client, {
    method: 'GET',
    path: '/api/v1/categories',
    name: 'list_categories',
  });
  check(response, { 'categories are listed': ({ status }) => status === 200 });
}
