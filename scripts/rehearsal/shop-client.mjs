// @ts-check
// Uses a shop as the world does: over HTTPS through its gateway.
import { randomUUID } from 'node:crypto';
import { Agent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 40;
const REQUEST_TIMEOUT_MS = 20_000;
/** Long enough to be worth compressing. */
const DESCRIPTION = 'One of many. '.repeat(120);
const ADDRESS = {
  name: 'Buyer',
  line1: '1 Riverside Walk',
  city: 'Lisbon',
  postalCode: '1100-148',
  country: 'PT',
};

/** @typedef {{ status: number, body: Record<string, unknown>, headers: import('node:http').IncomingHttpHeaders }} Answer */
/** @typedef {{ body?: unknown, token?: string, headers?: Record<string, string> }} RequestOptions */
/** @typedef {{ variantId: string, token: string }} Shop */

/**
 * One attempt for each request: what a retry can save is the gateway's to save. Only what every client of HTTP repeats is
 * repeated here, a request on a connection that lay idle and is closed at that moment, as a reload of nginx closes them.
 *
 * @param {{ port: number, host: string }} gateway
 */
export function createShopClient({ port, host }) {
  let agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
  let repeated = 0;
  /** Status 0: no answer. @type {Answer} */
  const none = { status: 0, body: {}, headers: {} };

  /** @param {string} method @param {string} path @param {RequestOptions} [options] @returns {Promise<Answer>} */
  const send = (method, path, options = {}) => {
    const { body, token, headers = {} } = options;
    const isRepeatable = method === 'GET' || headers['idempotency-key'] !== undefined;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve) => {
      const request = httpsRequest(
        {
          ...{ host: '127.0.0.1', port, method, path, agent, timeout: REQUEST_TIMEOUT_MS, servername: host },
          headers: {
            host,
            ...(token && { authorization: `Bearer ${token}` }),
            ...(payload && {
              'content-type': 'application/json',
              'content-length': Buffer.byteLength(payload),
            }),
            ...headers,
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (text += chunk));
          response.on('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              body: parse(response.headers['content-type'], text),
              headers: response.headers,
            });
          });
          response.on('error', () => {
            resolve(none);
          });
        },
      );
      request.on('timeout', () => request.destroy());
      request.on('error', (error) => {
        const wasIdle = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
        if (!wasIdle || !isRepeatable) {
          resolve(none);
          return;
        }
        repeated += 1;
        resolve(send(method, path, options));
      });
      request.end(payload);
    });
  };

  return {
    send,
    /** How many requests met a connection that was just being closed. */
    repeated: () => repeated,
    /** @param {Shop} shop @param {string} [key] @param {Record<string, string>} [headers] */
    placeOrder: ({ variantId, token }, key = randomUUID(), headers = {}) =>
      send('POST', '/api/v1/orders', {
        token,
        body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
        headers: { 'idempotency-key': key, ...headers },
      }),
    /** @param {string} orderId @param {string} token */
    pay: (orderId, token) =>
      send('POST', `/api/v1/orders/${orderId}/payments`, {
        token,
        body: { provider: 'test', token: 'tok_success' },
        headers: { 'idempotency-key': randomUUID() },
      }),
    /** Connections to a gateway that has gone are of no use any more. */
    forgetConnections: () => {
      agent.destroy();
      agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
    },
  };
}

/** @typedef {ReturnType<typeof createShopClient>} ShopClient */

/** @param {string | undefined} type @param {string} text @returns {Record<string, unknown>} */
function parse(type, text) {
  if (!/json/.test(type ?? '') || text === '') return {};
  try {
    const parsed = /** @type {unknown} */ (JSON.parse(text));
    return /** @type {Record<string, unknown>} */ (parsed);
  } catch {
    return {};
  }
}

/** @param {Pick<Answer, 'body'>} answer */
export const codeOf = ({ body: { code } }) => (typeof code === 'string' ? code : '');

/**
 * Signs the administrator in, makes a product with stock and registers a buyer; each step is a goal.
 *
 * @param {ShopClient} client
 * @param {{ email: string, password: string }} admin
 * @param {(answer: Answer, expected: number[], step: string) => Answer['body']} expectStatus
 * @returns {Promise<Shop>}
 */
export async function openShop({ send }, admin, expectStatus) {
  const login = await send('POST', '/api/v1/auth/login', { body: admin });
  const token = String(
    expectStatus(login, [200], 'the administrator of the prestart signs in')['accessToken'],
  );
  const product = await send('POST', '/api/v1/admin/products', {
    token,
    body: {
      ...{ slug: 'rehearsal', name: 'Rehearsal', description: DESCRIPTION },
      variants: [
        { sku: 'REHEARSAL-1', options: { size: 'one' }, prices: [{ currency: 'USD', amount: 1000 }] },
      ],
    },
  });
  const [variant] = /** @type {{ id: string }[]} */ (
    expectStatus(product, [201], 'a product is made')['variants'] ?? []
  );
  const path = `/api/v1/admin/stock/${variant?.id ?? ''}`;
  const { headers } = await send('GET', path, { token });
  const stock = await send('PUT', path, {
    token,
    body: { onHand: 100_000 },
    headers: { 'if-match': headers.etag ?? '*' },
  });
  expectStatus(stock, [200, 204], 'it gets stock');
  const body = { email: 'buyer@example.com', password: 'correct horse battery', name: 'Buyer' };
  const buyer = expectStatus(
    await send('POST', '/api/v1/auth/register', { body }),
    [201],
    'a buyer registers',
  );
  return { variantId: variant?.id ?? '', token: String(buyer['accessToken']) };
}

/**
 * Reads, and orders with a key, one after the other in two lanes, until told to stop.
 *
 * @param {ShopClient} client
 * @param {Shop} shop
 * @param {AbortSignal} signal ends it as well
 */
export function startLoad({ send, placeOrder, repeated }, shop, signal) {
  const repeatedBefore = repeated();
  /** @type {Map<string, number>} */
  const seen = new Map();
  let isOver = false;
  const lane = async (/** @type {string} */ name, /** @type {() => Promise<Answer>} */ next) => {
    while (!isOver && !signal.aborted) {
      const answer = await next();
      const key = `${name} ${String(answer.status)} ${answer.status >= 400 ? codeOf(answer) : ''}`.trim();
      seen.set(key, (seen.get(key) ?? 0) + 1);
      await sleep(PAUSE_MS);
    }
  };
  const lanes = [
    lane('read', () => send('GET', '/api/v1/products/rehearsal')),
    lane('order', () => placeOrder(shop)),
  ];
  return {
    /** @returns {Promise<{ line: string, failed: number }>} what was answered, and how many were not served */
    stop: async () => {
      isOver = true;
      await Promise.all(lanes);
      let failed = 0;
      for (const [what, count] of seen) if (!/ 20[01]$/.test(what)) failed += count;
      const answers = [...seen].map(([what, count]) => `${what}: ${String(count)}`);
      const met = repeated() - repeatedBefore;
      if (met > 0) answers.push(`repeated on another connection: ${String(met)}`);
      return { line: answers.join(', '), failed };
    },
  };
}
