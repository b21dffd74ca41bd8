// (c) Turning the crowd away from a variant that is gone, against Caudal's own product detail, and against
// a bare Fastify that parses the same orders and sends the same refusal. What that one pays for a refusal
// above a read is the price of a body, which is the most that the first ratio can reach.
import { setTimeout as sleep } from 'node:timers/promises';
import { startBareServer } from './bare-server.mjs';
import { createOrders, createReads } from './crowd-requests.mjs';
import { interleave, median } from './interleaved-rounds.mjs';
import { compareServers, expectStatus, measureLoad } from './measured-round.mjs';
import { fetchBody, findDetailPath, READ_CONNECTIONS } from './read-comparison.mjs';
import { readCounter } from './server-metrics.mjs';

const TARGET = 0.6;
const ORDERS_PATH = '/api/v1/orders';

/** No refusal asks the database. What renews the hint behind them does, four times a second. */
const STATEMENTS_PER_ANSWER_MAX = 0.001;

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {import('./processor-cores.mjs').CorePlan} cores
 * @param {import('./measured-round.mjs').Pace} pace
 * @returns {Promise<import('./bench-report.mjs').Comparison[]>}
 */
export async function compareSoldOut(shop, cores, pace) {
  const { variantId } = await shop.administration.openSale({ runId: 'sold-out', stock: 0 });
  const orders = createOrders(shop.buyers, variantId);
  const detailPath = await findDetailPath(shop);
  const reads = createReads(detailPath);
  const bare = await startBareServer(shop, cores, {
    [detailPath]: await fetchBody(shop, detailPath),
    [ORDERS_PATH]: await fetchRefusal(shop, orders()),
  });
  /**
   * @param {import('./pinned-server.mjs').PinnedServer} server
   * @param {() => Buffer} nextRequest
   */
  const contender = (server, nextRequest) => ({
    measure: async () =>
      expectStatus(
        await measureLoad(server, { connections: READ_CONNECTIONS, nextRequest, isWakeful: true }, pace),
        nextRequest === reads ? 200 : 409,
      ),
  });
  const refusals = contender(shop.caudal, orders);
  const bareRefusals = contender(bare, orders);
  try {
    const statementsPerAnswer = await countStatementsPerAnswer(
      shop,
      () =>
        measureLoad(
          shop.caudal,
          { connections: READ_CONNECTIONS, nextRequest: orders, isWakeful: true },
          { ...pace, warmUpMs: 0 },
        ),
      pace,
    );
    return [
      await compare({
        name: `sold-out answers, ${String(READ_CONNECTIONS)} connections`,
        contender: refusals,
        referenceName: 'product detail of Caudal',
        reference: contender(shop.caudal, reads),
        target: TARGET,
        statements: { perAnswer: statementsPerAnswer, max: STATEMENTS_PER_ANSWER_MAX },
      }),
      await compare({
        name: 'the same',
        contender: refusals,
        referenceName: 'bare Fastify, same orders, same refusal',
        reference: bareRefusals,
      }),
      await compare({
        name: 'bare Fastify, same orders, same refusal',
        contender: bareRefusals,
        referenceName: 'bare Fastify, product detail',
        reference: contender(bare, reads),
      }),
    ];
  } finally {
    await bare.stop();
  }

  /**
   * @param {{ name: string, contender: Contender, referenceName: string, reference: Contender,
   *   target?: number, statements?: { perAnswer: number, max: number } }} sides
   * @returns {Promise<import('./bench-report.mjs').Comparison>}
   */
  async function compare({ name, contender: side, referenceName, reference: other, target, statements }) {
    const [measured, reference] = await interleave(pace.rounds, [side, other]);
    return {
      name,
      referenceName,
      measured,
      reference,
      ratios: compareServers(measured, reference),
      judgedBy: 'processor time',
      target: target ?? null,
      ...(statements && { statements }),
    };
  }
}

/** @typedef {import('./interleaved-rounds.mjs').Contender<import('./measured-round.mjs').Round>} Contender */

/**
 * The jobs of the same process send statements of their own, load or no load: those are taken off.
 *
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {() => Promise<import('./measured-round.mjs').Round>} refusals
 * @param {import('./measured-round.mjs').Pace} pace
 * @returns {Promise<number>} median of the rounds
 */
async function countStatementsPerAnswer(shop, refusals, { rounds, roundMs }) {
  /** @type {number[]} */
  const perAnswer = [];
  for (let round = 0; round < rounds; round += 1) {
    const idle = await countStatements(shop, () => sleep(roundMs));
    let answers = 0;
    const busy = await countStatements(shop, async () => {
      ({ answers } = await refusals());
    });
    perAnswer.push(Math.max(0, busy - idle) / answers);
  }
  return median(perAnswer);
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

/**
 * @param {import('./bench-shop.mjs').BenchShop} shop
 * @param {Buffer} order
 * @returns {Promise<Buffer>} the body of the answer to an order of what is gone
 */
async function fetchRefusal(shop, order) {
  const [head = '', body = ''] = order.toString().split('\r\n\r\n');
  const headers = head
    .split('\r\n')
    .slice(1)
    .map((line) => /** @type {[string, string]} */ (line.split(': ')))
    .filter(([name]) => name !== 'Host' && name !== 'Content-Length');
  const response = await fetch(`http://127.0.0.1:${String(shop.caudal.port)}${ORDERS_PATH}`, {
    method: 'POST',
    headers,
    body,
  });
  if (response.status !== 409) throw new Error(`An order of what is gone answers ${String(response.status)}`);
  return Buffer.from(await response.arrayBuffer());
}
