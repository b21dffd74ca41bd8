// @ts-check
// npm run rehearse:compose
// Brings the stack of docker-compose.production.yml up on the Docker Engine of DOCKER_HOST, under a name and with
// secrets of its own, and uses it as the world does: over HTTPS through nginx. Prints a timeline; exit code 1 when a goal
// is missed. What it made, it takes away again. Images have to be there, pulled or made under those names; a service
// whose image is not there is left out and named.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../services/ports.mjs';
import { PROJECT } from '../setup/project.mjs';

const FILE = 'docker-compose.production.yml';
const NAME = 'caudal-rehearsal';
const LOAD_MS = Number(process.env['LOAD_MS'] ?? 20_000);
const PAUSE_MS = 40;
const ADMIN = 'admin@example.com';
const ADDRESS = {
  name: 'Buyer',
  line1: '1 Riverside Walk',
  city: 'Lisbon',
  postalCode: '1100-148',
  country: 'PT',
};

/** @typedef {{ status: number, body: Record<string, unknown>, etag: string }} Answer */

const startedMs = performance.now();
let missed = 0;
/** @param {string} line */
const say = (line) => {
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
};
/** @param {boolean} isMet @param {string} line */
const goal = (isMet, line) => {
  if (!isMet) missed += 1;
  say(`${isMet ? '✓' : '✗'} ${line}`);
};

/** @param {readonly string[]} args @param {string} [cwd] */
function docker(args, cwd = PROJECT) {
  const { status, stdout, stderr } = spawnSync('docker', args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${args.slice(0, 6).join(' ')}: ${stderr.trim().slice(-2000)}`);
  return stdout.trim();
}

const agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });

/**
 * One attempt, never repeated here: what a retry can save is the gateway's to save. Status 0: no answer.
 *
 * @param {number} port
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, token?: string, headers?: Record<string, string> }} [options]
 * @returns {Promise<Answer>}
 */
function send(port, method, path, { body, token, headers = {} } = {}) {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve) => {
    const request = httpsRequest(
      {
        ...{ host: '127.0.0.1', port, method, path, agent, timeout: 20_000, servername: 'shop.example.com' },
        headers: {
          host: 'shop.example.com',
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
          const isJson = /json/.test(response.headers['content-type'] ?? '');
          const parsed = /** @type {unknown} */ (JSON.parse(isJson && text !== '' ? text : '{}'));
          resolve({
            status: response.statusCode ?? 0,
            body: /** @type {Answer['body']} */ (parsed),
            etag: response.headers.etag ?? '*',
          });
        });
        response.on('error', () => {
          resolve({ status: 0, body: {}, etag: '' });
        });
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => {
      resolve({ status: 0, body: {}, etag: '' });
    });
    request.end(payload);
  });
}

/** @param {Pick<Answer, 'body'>} answer */
const codeOf = ({ body: { code } }) => (typeof code === 'string' ? code : '');

/** @param {Answer} answer @param {number[]} expected @param {string} step */
function expectStatus(answer, expected, step) {
  goal(expected.includes(answer.status), `${step}: ${String(answer.status)} ${codeOf(answer)}`.trim());
  return answer.body;
}

/** @param {number} port @param {string} adminPassword */
async function openShop(port, adminPassword) {
  const login = await send(port, 'POST', '/api/v1/auth/login', {
    body: { email: ADMIN, password: adminPassword },
  });
  const admin = {
    token: String(expectStatus(login, [200], 'the administrator of the prestart signs in')['accessToken']),
  };
  const product = await send(port, 'POST', '/api/v1/admin/products', {
    ...admin,
    body: {
      ...{ slug: 'rehearsal', name: 'Rehearsal', description: 'One of many.' },
      variants: [
        { sku: 'REHEARSAL-1', options: { size: 'one' }, prices: [{ currency: 'USD', amount: 1000 }] },
      ],
    },
  });
  const [variant] = /** @type {{ id: string }[]} */ (
    expectStatus(product, [201], 'a product is made')['variants'] ?? []
  );
  const path = `/api/v1/admin/stock/${variant?.id ?? ''}`;
  const { etag } = await send(port, 'GET', path, admin);
  const stock = await send(port, 'PUT', path, {
    ...admin,
    body: { onHand: 100_000 },
    headers: { 'if-match': etag },
  });
  expectStatus(stock, [200, 204], 'it gets stock');
  const body = { email: 'buyer@example.com', password: 'correct horse battery', name: 'Buyer' };
  const buyer = expectStatus(
    await send(port, 'POST', '/api/v1/auth/register', { body }),
    [201],
    'a buyer registers',
  );
  return { variantId: variant?.id ?? '', token: String(buyer['accessToken']) };
}

/** @param {number} port @param {{ variantId: string, token: string }} shop @param {string} [key] */
const placeOrder = (port, { variantId, token }, key = randomUUID()) =>
  send(port, 'POST', '/api/v1/orders', {
    token,
    body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    headers: { 'idempotency-key': key },
  });

/**
 * Reads and orders with a key, one after the other in two lanes, until told to stop.
 *
 * @param {number} port
 * @param {{ variantId: string, token: string }} shop
 */
function startLoad(port, shop) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  let isOver = false;
  const lane = async (/** @type {string} */ name, /** @type {() => Promise<Answer>} */ next) => {
    while (!isOver) {
      const { status, body } = await next();
      const key = `${name} ${String(status)} ${status >= 400 ? codeOf({ body }) : ''}`.trim();
      seen.set(key, (seen.get(key) ?? 0) + 1);
      await sleep(PAUSE_MS);
    }
  };
  const lanes = [
    lane('read', () => send(port, 'GET', '/api/v1/products/rehearsal')),
    lane('order', () => placeOrder(port, shop)),
  ];
  return async () => {
    isOver = true;
    await Promise.all(lanes);
    return seen;
  };
}

/** @param {string} directory @param {number} port @param {string[]} services */
async function rehearse(directory, port, services) {
  const compose = (/** @type {string[]} */ ...args) =>
    docker(['compose', '--project-name', NAME, '--file', FILE, ...args], directory);
  const up = () => compose('up', '--detach', '--wait', '--pull', 'never', ...services);
  const containerOf = (/** @type {string} */ service) => compose('ps', '--all', '--quiet', service);
  try {
    up();
    say(`up --wait: ${String(services.length)} services`);
    const published = docker([
      'ps',
      '--filter',
      `label=com.docker.compose.project=${NAME}`,
      '--format',
      '{{.Names}} {{.Ports}}',
    ]);
    const doors = published.split('\n').filter((line) => line.includes('->'));
    goal(doors.length === 1 && /nginx/.test(doors[0] ?? ''), 'only nginx publishes ports');

    const shop = await openShop(port, readFileSync(join(directory, 'secrets/admin_password'), 'utf8').trim());
    const order = expectStatus(await placeOrder(port, shop), [201], 'an order over HTTPS');
    const path = `/api/v1/orders/${String(order['id'])}`;
    const payment = { provider: 'test', token: 'tok_success' };
    const headers = { 'idempotency-key': randomUUID() };
    expectStatus(
      await send(port, 'POST', `${path}/payments`, { token: shop.token, body: payment, headers }),
      [201],
      'its payment',
    );

    const stop = startLoad(port, shop);
    await sleep(LOAD_MS / 4);
    docker(['kill', '--signal', 'KILL', containerOf('app-2')]);
    say('app-2 killed with -9');
    await sleep(LOAD_MS / 4);
    docker(['start', containerOf('app-2')]);
    compose('restart', 'app-3');
    say('app-2 started again, app-3 restarted');
    await sleep(LOAD_MS / 2);
    const seen = await stop();
    const failed = [...seen].filter(([what]) => !/ 20[01]$/.test(what));
    say(`under load: ${[...seen].map(([what, count]) => `${what}: ${String(count)}`).join(', ')}`);
    goal(failed.length === 0, 'no request failed that may be repeated');

    compose('down');
    say('down');
    // Connections to the nginx that was are of no use any more.
    agent.destroy();
    up();
    say('up again');
    const found = await send(port, 'GET', path, { token: shop.token });
    expectStatus(found, [200], 'the order of before is there');
    goal(['paid', 'PAID'].includes(String(found.body['status'])), `and is ${String(found.body['status'])}`);
  } finally {
    compose('down', '--volumes');
  }
}

const missing = [['version'], ['compose', 'version']].find((args) => spawnSync('docker', args).status !== 0);
if (missing !== undefined) {
  console.log(
    `left out: the compose rehearsal (docker ${missing.join(' ')} fails: no engine, or no compose)`,
  );
  process.exit(0);
}
const directory = mkdtempSync(join(tmpdir(), 'caudal-compose-'));
try {
  for (const path of [FILE, 'deployment'])
    cpSync(join(PROJECT, path), join(directory, path), { recursive: true });
  spawnSync(join(directory, 'deployment/scripts/create-secrets.sh'), ['--host', 'shop.example.com'], {
    cwd: directory,
  });
  const [port, httpPort] = [await findFreePort(), await findFreePort()];
  writeFileSync(
    join(directory, '.env'),
    `ADMIN_EMAIL=${ADMIN}\nHTTPS_PORT=${String(port)}\nHTTP_PORT=${String(httpPort)}\n${process.env['CAUDAL_IMAGE'] === undefined ? '' : `CAUDAL_IMAGE=${process.env['CAUDAL_IMAGE']}\n`}`,
  );
  const config = docker(['compose', '--file', FILE, 'config', '--format', 'json'], directory);
  const model = /** @type {unknown} */ (JSON.parse(config));
  const { services } = /** @type {{ services: Record<string, { image: string }> }} */ (model);
  const has = (/** @type {string} */ image) => spawnSync('docker', ['image', 'inspect', image]).status === 0;
  const without = Object.entries(services).filter(([, { image }]) => !has(image));
  for (const [name, { image }] of without) say(`left out: ${name} (there is no ${image})`);
  await rehearse(
    directory,
    port,
    Object.keys(services).filter((name) => !without.some(([other]) => other === name)),
  );
} finally {
  agent.destroy();
  rmSync(directory, { recursive: true, force: true });
}
console.log(missed === 0 ? 'every goal met' : `${String(missed)} goals missed`);
process.exit(missed === 0 ? 0 : 1);
