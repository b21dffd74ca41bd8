// (a) Product list and product detail against a bare Fastify that sends the same bytes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseJson } from '../scripts/services/json-file.mjs';
import { findFreePort } from '../scripts/services/ports.mjs';
import { createReads } from './crowd-requests.mjs';
import { interleave } from './interleaved-rounds.mjs';
import { compareServers, expectStatus, measureLoad } from './measured-round.mjs';
import { startPinnedServer } from './pinned-server.mjs';

const TARGET = 0.6;

/** Enough to keep one core busy, few enough that the answers do not queue for long. */
export const READ_CONNECTIONS = 64;

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./processor-cores.mjs').CorePlan} cores
 * @param {import('./measured-round.mjs').Pace} pace
 * @returns {Promise<import('./bench-report.mjs').Comparison[]>}
 */
export async function compareReads(shop, cores, pace) {
  const paths = { 'product list': '/api/v1/products', 'product detail': await findDetailPath(shop) };
  const bare = await startBareServer(shop, cores, Object.values(paths));
  try {
    /** @type {import('./bench-report.mjs').Comparison[]} */
    const comparisons = [];
    for (const [name, path] of Object.entries(paths)) {
      const nextRequest = createReads(path);
      const load = { connections: READ_CONNECTIONS, nextRequest, isWakeful: true };
      const contender = (/** @type {import('./pinned-server.mjs').PinnedServer} */ server) => ({
        measure: async () => expectStatus(await measureLoad(server, load, pace), 200),
      });
      const [measured, reference] = await interleave(pace.rounds, [contender(shop.caudal), contender(bare)]);
      comparisons.push({
        name: `${name}, ${String(READ_CONNECTIONS)} connections`,
        referenceName: 'bare Fastify, same body',
        measured,
        reference,
        ratios: compareServers(measured, reference),
        judgedBy: 'processor time',
        target: TARGET,
      });
    }
    return comparisons;
  } finally {
    await bare.stop();
  }
}

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @returns {Promise<string>}
 */
export async function findDetailPath(shop) {
  const list = await fetchBody(shop, '/api/v1/products');
  const { items } = /** @type {{ items: { slug: string }[] }} */ (parseJson(list.toString()));
  const [product] = items;
  if (!product) throw new Error('The seeded catalogue is empty');
  return `/api/v1/products/${product.slug}`;
}

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./processor-cores.mjs').CorePlan} cores
 * @param {string[]} paths
 */
async function startBareServer(shop, cores, paths) {
  /** @type {Record<string, string>} */
  const bodies = {};
  for (const path of paths) bodies[path] = (await fetchBody(shop, path)).toString('base64');
  const bodiesFile = join(shop.directory, 'bodies.json');
  writeFileSync(bodiesFile, JSON.stringify(bodies));
  const port = await findFreePort();
  return startPinnedServer({
    script: fileURLToPath(new URL('bare-reads.mjs', import.meta.url)),
    port,
    readyPath: '/ready',
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(port), BODIES: bodiesFile },
    logFile: join(shop.directory, 'bare-reads.log'),
    cores,
  });
}

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {string} path
 */
async function fetchBody(shop, path) {
  // No compression: both sides send the body as it is.
  const response = await fetch(`http://127.0.0.1:${String(shop.caudal.port)}${path}`, {
    headers: { 'accept-encoding': 'identity' },
  });
  if (response.status !== 200) throw new Error(`${path} answers ${String(response.status)}`);
  return Buffer.from(await response.arrayBuffer());
}
