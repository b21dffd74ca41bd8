// (c) Turning the crowd away from a variant that is gone, against Caudal's own product detail.
import { setTimeout as sleep } from 'node:timers/promises';
import { createOrders, createReads } from './crowd-requests.mjs';
import { interleave, median } from './interleaved-rounds.mjs';
import { compareServers, expectStatus, measureLoad } from './measured-round.mjs';
import { findDetailPath, READ_CONNECTIONS } from './read-comparison.mjs';
import { readCounter } from './server-metrics.mjs';

const TARGET = 0.6;

/** No refusal asks the database. What renews the hint behind them does, four times a second. */
const STATEMENTS_PER_ANSWER_MAX = 0.001;

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./measured-round.mjs').Pace} pace
 * @returns {Promise<import('./bench-report.mjs').Comparison>}
 */
export async function compareSoldOut(shop, pace) {
  const { variantId } = await shop.administration.openSale({ runId: 'sold-out', stock: 0 });
  const orders = createOrders(shop.buyers, variantId);
  const reads = createReads(await findDetailPath(shop));
  /** @type {number[]} */
  const statementsPerAnswer = [];

  const [measured, reference] = await interleave(pace.rounds, [
    {
      measure: async () => {
        const load = { connections: READ_CONNECTIONS, nextRequest: orders };
        await measureLoad(shop.caudal, load, { ...pace, roundMs: pace.warmUpMs });
        // The jobs of the same process send statements of their own, load or no load.
        const idle = await countStatements(shop, () => sleep(pace.roundMs));
        /** @type {import('./measured-round.mjs').Round | undefined} */
        let result;
        const busy = await countStatements(shop, async () => {
          result = await measureLoad(shop.caudal, load, { ...pace, warmUpMs: 0 });
        });
        if (result === undefined) throw new Error('the round has no result');
        statementsPerAnswer.push(Math.max(0, busy - idle) / result.answers);
        return expectStatus(result, 409);
      },
    },
    {
      measure: async () =>
        expectStatus(
          await measureLoad(shop.caudal, { connections: READ_CONNECTIONS, nextRequest: reads }, pace),
          200,
        ),
    },
  ]);
  return {
    name: `sold-out answers, ${String(READ_CONNECTIONS)} connections`,
    referenceName: 'product detail of Caudal',
    measured,
    reference,
    ratios: compareServers(measured, reference),
    judgedBy: 'processor time',
    target: TARGET,
    statements: { perAnswer: median(statementsPerAnswer), max: STATEMENTS_PER_ANSWER_MAX },
  };
}

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {() => Promise<unknown>} work
 * @returns {Promise<number>} statements that the server sent meanwhile
 */
async function countStatements(shop, work) {
  const before = await readCounter(shop.managementPort, 'database_statements_total');
  await work();
  return (await readCounter(shop.managementPort, 'database_statements_total')) - before;
}
