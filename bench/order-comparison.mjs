// (b) POST /orders on one hot variant, durable, against the group-committing reference.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../scripts/services/ports.mjs';
import { createOrders } from './crowd-requests.mjs';
import { interleave, median } from './interleaved-rounds.mjs';
import { compareServers, expectStatus, measureLoad } from './measured-round.mjs';
import { startPinnedServer } from './pinned-server.mjs';
import { createReferenceTables } from './reference-tables.mjs';
import { readCounter } from './server-metrics.mjs';

const STOCK = 500_000_000;

/** Concurrent buyers, and what the issue asks of the ratio and of the statements. */
const CROWDS = [
  { buyers: 256, target: 0.5, statementsPerOrderMax: 0.2 },
  { buyers: 1_024, target: null, statementsPerOrderMax: 0.05 },
];

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./processor-cores.mjs').CorePlan} cores
 * @param {import('./measured-round.mjs').Pace} pace
 * @returns {Promise<import('./bench-report.mjs').Comparison[]>}
 */
export async function compareOrders(shop, cores, pace) {
  const { variantId } = await shop.administration.openSale({ runId: 'benchmark', stock: STOCK });
  await createReferenceTables(shop.database);
  await shop.database.query('INSERT INTO reference.stock_items (variant_id, on_hand) VALUES ($1, $2)', [
    variantId,
    STOCK,
  ]);
  const reference = await startReference(shop, cores);
  const nextRequest = createOrders(shop.buyers, variantId);
  try {
    /** @type {import('./bench-report.mjs').Comparison[]} */
    const comparisons = [];
    for (const { buyers, target, statementsPerOrderMax } of CROWDS) {
      /** @type {number[]} */
      const statementsPerOrder = [];
      const [measured, referenceRounds] = await interleave(pace.rounds, [
        {
          measure: async () => {
            const round = await countStatements(shop, () =>
              measureLoad(shop.caudal, { connections: buyers, nextRequest }, pace),
            );
            statementsPerOrder.push(round.statements / round.orders);
            await shop.settle();
            return expectStatus(round.result, 201);
          },
        },
        {
          measure: async () =>
            expectStatus(await measureLoad(reference, { connections: buyers, nextRequest }, pace), 201),
        },
      ]);
      comparisons.push({
        name: `orders, ${String(buyers)} buyers`,
        referenceName: 'bare group commit',
        measured,
        reference: referenceRounds,
        ratios: compareServers(measured, referenceRounds),
        // Both wait for the same disk and the same row: what counts is how many orders come out.
        judgedBy: 'rates',
        target,
        statements: { perAnswer: median(statementsPerOrder), max: statementsPerOrderMax },
      });
    }
    return comparisons;
  } finally {
    await reference.stop();
  }
}

/**
 * Every statement of the process counts, those of its background jobs and of the warm-up too, and so
 * does every order of the warm-up.
 *
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {() => Promise<import('./measured-round.mjs').Round>} measure
 */
async function countStatements({ managementPort, database }, measure) {
  const countOrders = async () => {
    /** @type {import('pg').QueryResult<{ orders: number }>} */
    const { rows } = await database.query('SELECT count(*)::integer AS orders FROM orders');
    return rows[0]?.orders ?? 0;
  };
  const ordersBefore = await countOrders();
  const before = await readCounter(managementPort, 'database_statements_total');
  const result = await measure();
  const statements = (await readCounter(managementPort, 'database_statements_total')) - before;
  return { result, statements, orders: (await countOrders()) - ordersBefore };
}

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./processor-cores.mjs').CorePlan} cores
 */
async function startReference(shop, cores) {
  const port = await findFreePort();
  return startPinnedServer({
    script: fileURLToPath(new URL('reference-orders.mjs', import.meta.url)),
    port,
    readyPath: '/ready',
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      PORT: String(port),
      DATABASE_URL: shop.databaseUrl,
    },
    logFile: join(shop.directory, 'reference-orders.log'),
    cores,
  });
}
