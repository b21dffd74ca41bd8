// Who shops while the dashboards are asked: a few buyers who do everything once in a while, and k6's flash sale
// where there is a k6.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isExecutable } from '../services/commands.mjs';
import { findTool } from '../setup/tool-cache.mjs';

const SCENARIO = fileURLToPath(new URL('../../test/load/scenarios/flash-sale.js', import.meta.url));
const RUN_ID = 'dashboards';
/** What k6 sells, and how many of it: fewer than there are buyers. */
export const SALE_SKU = `LOAD-${RUN_ID.toUpperCase()}`;
const SALE = { RATE: '30', STOCK: '600', VUS: '300', RUSH: '30s', CALM: '15s' };
const OUTPUT_KEPT = 4_000;
/** Of k6: the run is complete, and some answer was late. */
const THRESHOLDS_CROSSED = 99;
const ADDRESS = {
  name: 'Ada Byron',
  line1: 'Calle Mayor 1',
  city: 'Madrid',
  postalCode: '28013',
  country: 'ES',
};

/** @typedef {import('../../bench/bench-shop.mjs').BenchShop} BenchShop */

/** K6, the PATH, then where .ci/load-with-k6 builds it; null when it is nowhere. */
export function findK6() {
  const { K6 } = process.env;
  return K6 !== undefined && isExecutable(K6) ? K6 : findTool('k6');
}

/**
 * The flash sale of test/load, in small. What it demands of answers is not asked here: others have the cores.
 * @param {string} k6
 * @param {BenchShop} shop
 */
export async function runFlashSale(k6, shop) {
  const buyersFile = join(shop.directory, 'load-buyers.json');
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  writeFileSync(buyersFile, JSON.stringify({ expiresAt, buyers: shop.buyers, admin: shop.admin }));
  const child = spawn(k6, ['run', '--quiet', '--summary-mode=disabled', SCENARIO], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...SALE,
      RUN_ID,
      BASE_URL: originOf(shop),
      BUYERS_FILE: buyersFile,
      K6_NO_USAGE_REPORT: 'true',
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (/** @type {Buffer} */ chunk) => {
      output = (output + chunk.toString()).slice(-OUTPUT_KEPT);
    });
  /** @type {unknown} */
  const exit = await once(child, 'close');
  const [code] = /** @type {[number | null]} */ (exit);
  if (code !== 0 && code !== THRESHOLDS_CROSSED) throw new Error(`k6 ended with ${String(code)}:\n${output}`);
}

/**
 * @param {BenchShop} shop
 * @param {number} durationMs
 * @param {{ id: string, slug: string }} variant
 */
export async function shopFor(shop, durationMs, variant) {
  const end = performance.now() + durationMs;
  for (let visit = 0; performance.now() < end; visit += 1) {
    const headers = {
      authorization: `Bearer ${shop.buyers[visit % shop.buyers.length]?.token ?? ''}`,
      'content-type': 'application/json',
      'x-forwarded-for': `10.1.${String((visit >> 8) % 256)}.${String(visit % 256)}`,
    };
    const send = async (/** @type {string} */ path, /** @type {object} */ body) =>
      /** @type {{ id?: string }} */ (
        await (
          await fetch(`${originOf(shop)}${path}`, {
            method: 'POST',
            headers: { ...headers, 'idempotency-key': randomUUID() },
            body: JSON.stringify(body),
          })
        ).json()
      );
    for (const path of ['/api/v1/products?limit=24', `/api/v1/products/${variant.slug}`])
      await (await fetch(`${originOf(shop)}${path}`, { headers })).arrayBuffer();
    const order = await send('/api/v1/orders', {
      lines: [{ variantId: variant.id, quantity: 1 }],
      shippingAddress: ADDRESS,
    });
    await send(`/api/v1/orders/${order.id ?? ''}/payments`, { provider: 'test', token: 'tok_success' });
    if (visit % 10 === 0) {
      const account = { email: `${randomUUID()}@example.com`, password: 'a long password' };
      await send('/api/v1/auth/register', { ...account, name: 'Ada' });
      await send('/api/v1/auth/login', account);
    }
    await sleep(100);
  }
}

function originOf(/** @type {BenchShop} */ { caudal }) {
  return `http://127.0.0.1:${String(caudal.port)}`;
}
