// (a) Product list and product detail against a bare Fastify that sends the same bytes.
import { parseJson } from '../scripts/services/json-file.mjs';
import { startBareServer } from './bare-server.mjs';
import { createReads } from './crowd-requests.mjs';
import { interleave } from './interleaved-rounds.mjs';
import { compareServers, expectStatus, measureLoad } from './measured-round.mjs';

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
  /** @type {Record<string, Buffer>} */
  const bodies = {};
  for (const path of Object.values(paths)) bodies[path] = await fetchBody(shop, path);
  const bare = await startBareServer(shop, cores, bodies);
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
 * @param {string} path
 */
export async function fetchBody(shop, path) {
  // No compression: both sides send the body as it is.
  const response = await fetch(`http://127.0.0.1:${String(shop.caudal.port)}${path}`, {
    headers: { 'accept-encoding': 'identity' },
  });
  if (response.status !== 200) throw new Error(`${path} answers ${String(response.status)}`);
  return Buffer.from(await response.arrayBuffer());
}
