// What shedding is for, and what it costs. The generator is this process, the server another on a core of
// its own; both servers of the comparison share services and core, and only one is loaded at a time.
//
// A crowd of three times the capacity has to come from the one other core, beside PostgreSQL and Redis: the overloaded
// servers run without optimising compilers. Nobody waits in front of them, where no server could see it: as at the
// shipped gateway, each priority has connections of its own, and who finds none of them free is turned away.
import { planCores, leaveServerCore } from '../../processor-cores.mjs';
import { openBenchShop } from '../../bench-shop.mjs';
import { createCartViews, createOrders, createReads } from '../../crowd-requests.mjs';
import { generateLoad } from '../../load-generator.mjs';
import { generateOpenLoad } from '../../open-load-generator.mjs';
import { loadConfig } from '../../../dist/config/index.js';
import { AdaptiveLoadShedding } from '../../../dist/core/load-shedding/adaptive-load-shedding.service.js';
import { Metrics } from '../../../dist/infrastructure/metrics/index.js';

const STOCK = 500_000_000;
/** Native code costs what it always does, all else several times as much. */
const SLOW = ['--max-opt=1'];
/** Of each priority, as the gateway opens them to one process (upstreams.conf). */
const CONNECTIONS = 1_000;
/** No queue: about as long as this generator now and then stands still. */
const QUEUE_MS = 20;
/** Who has no answer after a second has gone elsewhere. */
const PATIENCE_MS = 1_000;
const ROUND_MS = 5_000;
/** Shares of orders, cart views and cached reads. */
const MIX = { orders: 0.1, carts: 0.2, reads: 0.7 };
/** Multiples of the capacity; the best of them is the peak. */
const LOADS = [1, 2, 3];

/** Buyers of L3 who come beside the crowd, one order after the other. */
const PATIENT_BUYERS = 4;

/** So few that nobody waits. */
const CALM_CONNECTIONS = 8;
const CALM_WARM_UP_MS = 2_000;
/** The machine's mood lasts for seconds: two processes are compared in turns as short as these. */
const CALM_TURN_MS = 250;
const CALM_TURNS = 24;

const CALLS = 2_000_000;

/** @type {import('../../bench-shop.mjs').BenchShop | null} */
let shop = null;
/** @type {Record<'on' | 'off', import('../../pinned-server.mjs').PinnedServer> | null} */
let slow = null;

/** @type {import('../core-bench.mjs').Section} */
export default {
  async open() {
    const cores = planCores();
    leaveServerCore(cores);
    shop = await openBenchShop(cores, {
      say: (step) => {
        console.error(`  ${step}`);
      },
      profileDirectory: null,
    });
    // The jobs are those of the first process: a slow one would do them for the other side, too.
    slow = {
      on: await shop.startAnother({ ROLE: 'api' }, SLOW),
      off: await shop.startAnother({ ROLE: 'api', FEATURE_LOAD_SHEDDING: 'false' }, SLOW),
    };
    const { variantId } = await shop.administration.openSale({ runId: 'shedding', stock: STOCK });
    const kinds = [
      { share: MIX.orders, nextRequest: createOrders(shop.buyers, variantId) },
      { share: MIX.carts, nextRequest: createCartViews(shop.buyers) },
      { share: MIX.reads, nextRequest: createReads('/api/v1/products?limit=10') },
    ];
    const [on, off] = [slow.on.port, slow.off.port];
    const nextOrder = createOrders(shop.buyers, variantId);
    const nextRead = createReads('/api/v1/products?limit=10');
    // Of the machine as it is at present: its mood lasts for a round, hardly for all of them.
    const presentCapacity = () => measureCapacity(on, kinds);
    /** The best that each side did the last time. @type {Map<number, number>} */
    const peaks = new Map();
    /** @param {number} port */
    const overloaded = async (port) => {
      const capacity = await presentCapacity();
      const goodput = [];
      for (const load of LOADS) goodput.push(await ordersPerSecond(port, load * capacity, kinds));
      // Both sides are measured by the best that either does.
      peaks.set(port, Math.max(...goodput));
      return (goodput.at(-1) ?? 0) / Math.max(...peaks.values());
    };
    /** @type {Partial<Record<'on' | 'off', number>>} */
    let calm = {};
    /** Both sides of a round come from one pair of processes. @param {'on' | 'off'} side */
    const calmMicroseconds = async (side) => {
      if (calm[side] === undefined) calm = await compareCalm(nextRead);
      const value = calm[side] ?? NaN;
      calm[side] = undefined;
      return value;
    };
    /** @param {number} port */
    const orderLatency = async (port) => {
      const crowd = ordersPerSecond(port, 3 * (await presentCapacity()), kinds);
      const { latencyMs, statuses } = await generateLoad({
        port,
        connections: PATIENT_BUYERS,
        durationMs: ROUND_MS,
        nextRequest: nextOrder,
      });
      await crowd;
      console.error(`  beside it: ${JSON.stringify(statuses)}, p50 ${String(latencyMs.p50)} ms`);
      return latencyMs.p99 ?? NaN;
    };
    return [
      {
        id: 'L1',
        what: 'orders answered in time at three times the capacity, share of their peak',
        ours: () => overloaded(on),
        peer: { name: 'shedding off', measure: () => overloaded(off) },
        target: { is: 'value', at: 'least', bound: 0.9 },
        rounds: 3,
      },
      {
        id: 'L3',
        what: 'p99 of orders placed one after the other at three times the capacity, refusals included, ms',
        ours: () => orderLatency(on),
        peer: { name: 'shedding off', measure: () => orderLatency(off) },
        target: { is: 'value', at: 'most', bound: PATIENCE_MS },
        rounds: 3,
      },
      {
        id: 'L4',
        what: 'processor time of a cached read while calm, µs',
        ours: () => calmMicroseconds('on'),
        peer: {
          name: 'shedding off',
          measure: () => calmMicroseconds('off'),
        },
        target: { is: 'ratio', at: 'most', bound: 1.03 },
      },
      {
        id: 'L2',
        what: 'entering and leaving while calm, ns per request',
        ours: measureCalm,
        target: { is: 'value', at: 'most', bound: 1000 },
      },
    ];
  },
  async close() {
    await Promise.all([slow?.on.stop(), slow?.off.stop()]);
    await shop?.stop();
  },
};

/**
 * Answers a second of the mix with as many clients as keep the server busy and hardly wait.
 *
 * @param {number} port
 * @param {readonly import('../../open-load-generator.mjs').Kind[]} kinds
 */
async function measureCapacity(port, kinds) {
  let turn = 0;
  const order = Array.from({ length: 10 }, (_, index) => (index < 1 ? 0 : index < 3 ? 1 : 2));
  const nextRequest = () => kinds[order[turn++ % order.length] ?? 0]?.nextRequest() ?? Buffer.alloc(0);
  const load = { port, connections: 48, nextRequest };
  await generateLoad({ ...load, durationMs: ROUND_MS });
  const { perSecond } = await generateLoad({ ...load, durationMs: ROUND_MS });
  console.error(`  capacity of the mix: ${perSecond.toFixed(0)} a second`);
  return perSecond;
}

/**
 * @param {number} port
 * @param {number} perSecond
 * @param {readonly import('../../open-load-generator.mjs').Kind[]} kinds
 */
async function ordersPerSecond(port, perSecond, kinds) {
  const results = await generateOpenLoad({
    port,
    connections: CONNECTIONS,
    perSecond,
    durationMs: ROUND_MS,
    patienceMs: PATIENCE_MS,
    queueMs: QUEUE_MS,
    kinds,
  });
  await shop?.settle();
  const words = results.map(
    ({ due, good, shed, late }) =>
      `${String(good)}/${String(due)} (${String(shed)} shed, ${String(late)} late)`,
  );
  console.error(
    `  ${perSecond.toFixed(0)}/s: orders ${words.join(', carts ').replace(/carts (?!.*carts)/, 'reads ')}`,
  );
  return (results[0]?.good ?? 0) / (ROUND_MS / 1000);
}

/**
 * Processor time of a read, µs, with shedding and without, by two processes of their own: two with the same
 * settings differ by a tenth, each for as long as it lives, so every round has a new pair.
 *
 * @param {() => Buffer} nextRequest
 * @returns {Promise<{ on: number, off: number }>}
 */
async function compareCalm(nextRequest) {
  if (shop === null) throw new Error('the section is not open');
  const servers = {
    on: await shop.startAnother({}),
    off: await shop.startAnother({ FEATURE_LOAD_SHEDDING: 'false' }),
  };
  const spent = { on: { ms: 0, answers: 0 }, off: { ms: 0, answers: 0 } };
  /** @param {'on' | 'off'} side @param {number} durationMs */
  const load = async (side, durationMs) => {
    const { port, processorMs } = servers[side];
    // Where /proc does not tell, there is nothing to compare.
    const before = processorMs() ?? NaN;
    const { answers } = await generateLoad({ port, connections: CALM_CONNECTIONS, durationMs, nextRequest });
    return { ms: (processorMs() ?? NaN) - before, answers };
  };
  try {
    await load('on', CALM_WARM_UP_MS);
    await load('off', CALM_WARM_UP_MS);
    for (let turn = 0; turn < 2 * CALM_TURNS; turn += 1) {
      // On, off, off, on: neither side is always behind the other.
      const side = turn % 4 === 0 || turn % 4 === 3 ? 'on' : 'off';
      const { ms, answers } = await load(side, CALM_TURN_MS);
      spent[side].ms += ms;
      spent[side].answers += answers;
    }
  } finally {
    await Promise.all([servers.on.stop(), servers.off.stop()]);
  }
  return { on: (spent.on.ms * 1000) / spent.on.answers, off: (spent.off.ms * 1000) / spent.off.answers };
}

function measureCalm() {
  const config = loadConfig({
    DATABASE_URL: 'postgresql://nobody@127.0.0.1/none',
    REDIS_URL: 'redis://127.0.0.1',
  });
  const clock = { monotonicMs: () => performance.now() };
  const shedding = new AdaptiveLoadShedding(config, clock, {}, new Metrics());
  shedding.onApplicationBootstrap();
  const lane = shedding.lane('ordinary');
  const startedAt = performance.now();
  let admitted = 0;
  for (let call = 0; call < CALLS; call += 1) {
    if (lane.enter() !== null) continue;
    admitted += 1;
    lane.leave(0.05);
  }
  shedding.onApplicationShutdown();
  if (admitted !== CALLS) throw new Error('a calm process turned a request away');
  return ((performance.now() - startedAt) * 1e6) / CALLS;
}
