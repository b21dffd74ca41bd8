// What a deployment costs those who use the shop meanwhile: 20 restarts of three processes in turn, behind a
// balancer that goes by readiness alone, with keep-alive clients. Beside it a plain NestJS application with
// shutdown hooks, which stops accepting before any balancer can know. About a minute and a half.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buyerAddress } from '../../../scripts/load/buyer-address.mjs';
import { restartInTurn } from '../../../scripts/load/rolling-restarts.mjs';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { openBenchShop } from '../../bench-shop.mjs';
import { startPinnedServer } from '../../pinned-server.mjs';
import { leaveServerCore, planCores } from '../../processor-cores.mjs';

const RESTARTS = 20;
const PROCESSES = 3;
const CLIENTS = 16;
const THINK_MS = 20;
/** A fifth of what is usual, and the delay that goes with it. */
const PROBE_MS = 200;
const SHUTDOWN_DELAY_MS = 1000;
const STOCK = 1_000_000;
const PLAIN = fileURLToPath(new URL('processes/plain-nest.mjs', import.meta.url));

/** @type {import('../../bench-shop.mjs').BenchShop | null} */
let shop = null;
/** @type {string | null} */
let directory = null;

/** @param {import('../../pinned-server.mjs').PinnedServer} server */
const toProcess = ({ port, stop }) => ({ url: `http://127.0.0.1:${String(port)}`, stop });

/**
 * @param {() => Promise<import('../../pinned-server.mjs').PinnedServer>} start
 * @param {() => import('../../../scripts/load/rolling-restarts.mjs').FleetRequest} nextRequest
 */
async function countFailures(start, nextRequest) {
  const { answers, failures } = await restartInTurn({
    start: async () => toProcess(await start()),
    processes: PROCESSES,
    restarts: RESTARTS,
    clients: CLIENTS,
    thinkMs: THINK_MS,
    probeMs: PROBE_MS,
    nextRequest,
  });
  console.error(
    `  answers ${JSON.stringify(answers)}; failed: ${[...new Set(failures)].join('; ') || 'none'}`,
  );
  return failures.length;
}

/** @type {import('../core-bench.mjs').Section} */
export default {
  async open() {
    const cores = planCores();
    leaveServerCore(cores);
    const logs = mkdtempSync(join(tmpdir(), 'caudal-rolling-'));
    directory = logs;
    const bench = await openBenchShop(cores, {
      say: (step) => {
        console.error(`  ${step}`);
      },
      profileDirectory: null,
    });
    shop = bench;
    const { variantId } = await bench.administration.openSale({ runId: 'rolling', stock: STOCK });
    const body = JSON.stringify({
      lines: [{ variantId, quantity: 1 }],
      shippingAddress: {
        name: 'Bench Buyer',
        line1: '1 Riverside Walk',
        city: 'Lisbon',
        postalCode: '1100-148',
        country: 'PT',
      },
    });
    let turn = 0;
    /** @returns {import('../../../scripts/load/rolling-restarts.mjs').FleetRequest} */
    const nextRequest = () => {
      turn += 1;
      const address = { 'x-forwarded-for': buyerAddress(turn % bench.buyers.length) };
      if (turn % 2 === 0) return { method: 'GET', path: '/api/v1/products?limit=10', headers: address };
      return {
        method: 'POST',
        path: '/api/v1/orders',
        headers: {
          ...address,
          authorization: `Bearer ${bench.buyers[turn % bench.buyers.length]?.token ?? ''}`,
          'content-type': 'application/json',
          'idempotency-key': randomUUID(),
        },
        body,
      };
    };
    return [
      {
        id: 'H4',
        what: `failed requests in ${String(RESTARTS)} rolling restarts of ${String(PROCESSES)} processes`,
        ours: () =>
          countFailures(
            () =>
              bench.startAnother({
                SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS),
                // Three processes share one core here, with one that starts: shedding is another goal.
                FEATURE_LOAD_SHEDDING: 'false',
              }),
            nextRequest,
          ),
        peer: {
          name: 'Nest 12 with shutdown hooks',
          measure: () =>
            countFailures(async () => {
              const port = await findFreePort();
              return startPinnedServer({
                script: PLAIN,
                port,
                readyPath: '/health/ready',
                env: { ...process.env, PORT: String(port) },
                logFile: join(logs, `plain-${String(port)}.log`),
                cores,
              });
            }, nextRequest),
        },
        target: { is: 'value', at: 'most', bound: 0 },
        rounds: 1,
      },
    ];
  },

  async close() {
    await shop?.stop();
    shop = null;
    if (directory !== null) rmSync(directory, { recursive: true, force: true });
    directory = null;
  },
};
