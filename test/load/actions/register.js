// @ts-check
/* global crypto */
import { check } from 'k6';
import { send } from '../lib/shop.js';

/**
 * Makes an account with an address nobody else has.
 *
 * @param {import('../lib/shop.js').Client} client
 * @returns {import('../lib/shop.js').Client | null} the same client, signed in; null when refused
 */
export function register(client) {
  const response = send(client, {
    method: 'POST',
    path: '/api/v1/auth/register',
    name: 'register',
    body: {
      email: `load-${crypto.randomUUID()}@example.com`,
      password: `Load-${crypto.randomUUID()}`,
      name: 'Load Buyer',
    },
  });
  const isRegistered = check(response, { 'buyer is registered': ({ status }) => status === 201 });
  return isRegistered ? { ...client, token: String(response.json('accessToken')) } : null;
}
