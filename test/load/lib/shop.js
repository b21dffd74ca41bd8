// @ts-check
/* global crypto */
// Requests to the shop: one address for each client, a deadline, a name for the metrics.
import http from 'k6/http';
import { sleep } from 'k6';
import { countAnswer } from './answers.js';
import { textParameter } from './parameters.js';

const BASE_URL = textParameter('BASE_URL', 'http://127.0.0.1:3000').replace(/\/api\/v1\/?$|\/$/, '');

const REQUEST_DEADLINE = '10s';
const ATTEMPTS_MAX = 4;
const RETRY_PAUSE_SECONDS = 0.15;

/** A refusal for lack of stock is an answer the scenarios expect; `http_req_failed` counts the others. */
const EXPECTED_STATUSES = http.expectedStatuses({ min: 200, max: 399 }, 409);

/**
 * @typedef {object} Client one person's side of the conversation
 * @property {string} address sent as X-Forwarded-For; the server must run with TRUST_PROXY_HOPS=1
 * @property {string} [token] access token
 */

/**
 * @typedef {object} ShopRequest
 * @property {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @property {string} path below the origin
 * @property {string} name of the action, the `name` tag of its metrics
 * @property {unknown} [body]
 * @property {Record<string, string>} [headers]
 */

/**
 * @param {Client} client
 * @param {ShopRequest} request
 */
export function send(client, { method, path, name, body, headers }) {
  const payload = body === undefined ? null : JSON.stringify(body);
  const response = http.request(method, `${BASE_URL}${path}`, payload, {
    headers: {
      Accept: 'application/json',
      'X-Forwarded-For': client.address,
      ...(client.token && { Authorization: `Bearer ${client.token}` }),
      ...(payload && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    tags: { name },
    timeout: REQUEST_DEADLINE,
    responseCallback: EXPECTED_STATUSES,
    // The default of every script is to throw bodies away; these scripts read what they asked for.
    responseType: 'text',
  });
  countAnswer(response.status);
  return response;
}

/**
 * Sends with an Idempotency-Key. When the answer is lost, when the shop is busy (503) or still at
 * work on the key, the same request goes out again under the same key: it cannot happen twice.
 *
 * @param {Client} client
 * @param {ShopRequest} request
 */
export function sendOnce(client, request) {
  const keyed = {
    ...request,
    headers: { ...request.headers, 'Idempotency-Key': crypto.randomUUID() },
  };
  let response = send(client, keyed);
  for (let attempt = 1; attempt < ATTEMPTS_MAX && isWorthRepeating(response); attempt += 1) {
    sleep(RETRY_PAUSE_SECONDS * attempt);
    response = send(client, keyed);
  }
  return response;
}

/**
 * The `code` of a problem+json answer, '' for any other.
 *
 * @param {import('k6/http').Response} response
 * @returns {string}
 */
export function problemCode(response) {
  const type = response.headers['Content-Type'] ?? '';
  return type.startsWith('application/problem+json') ? String(response.json('code')) : '';
}

/** @param {import('k6/http').Response} response */
function isWorthRepeating(response) {
  return (
    response.status === 0 ||
    response.status === 503 ||
    problemCode(response) === 'IDEMPOTENCY_KEY_IN_PROGRESS'
  );
}
