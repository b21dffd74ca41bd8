// The circuit breaker beside opossum and cockatiel (B1-B5). What a call costs is the processor time of
// this process per call, without that of the bare action: a wall clock would count the neighbours as well.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as cockatiel from 'cockatiel';
import { Redis } from 'ioredis';
import Opossum from 'opossum';
import { SystemClock } from '../../../dist/common/clock.js';
import { loadConfig } from '../../../dist/config/index.js';
import { DistributedCircuitBreakerService } from '../../../dist/core/circuit-breaker/index.js';
import { createLogger } from '../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../dist/infrastructure/metrics/index.js';
import { RedisService } from '../../../dist/infrastructure/redis/index.js';
import { startRedis } from '../../../scripts/services/redis.mjs';
import { median } from '../../interleaved-rounds.mjs';

const CALLS = 200_000;
const REFUSALS = 50_000;
const PROCESSES = 8;
const PROBES = 1;
const OPEN_MS = 100;

const action = async () => 1;
const failing = () => Promise.reject(new Error('down'));

/** @type {(() => void | Promise<void>)[]} */
const cleanUps = [];

/** @param {() => Promise<unknown>} call @param {number} times */
async function microsecondsOf(call, times) {
  const from = process.cpuUsage();
  for (let i = 0; i < times; i += 1) {
    try {
      await call();
    } catch {
      // A refusal.
    }
  }
  const { user, system } = process.cpuUsage(from);
  return (user + system) / times;
}

/** What the protection adds to a call. @param {() => Promise<unknown>} call */
async function overheadOf(call) {
  const bare = await microsecondsOf(action, CALLS);
  return Math.max(0.001, (await microsecondsOf(call, CALLS)) - bare);
}

/** @param {string} url @param {string} name @param {Record<string, string>} env @param {object} options */
function startInstance(url, name, env = {}, options = {}) {
  const config = loadConfig({
    DATABASE_URL: 'postgres://localhost/none',
    REDIS_URL: url,
    REDIS_COMMAND_TIMEOUT_MS: '1000',
    CIRCUIT_BREAKER_QUORUM: '1',
    ...env,
  });
  const [logger, metrics] = [createLogger('silent'), new Metrics()];
  const redis = new RedisService(config, logger, metrics);
  const service = new DistributedCircuitBreakerService(config, redis, new SystemClock(), logger, metrics);
  cleanUps.push(() => {
    service.onApplicationShutdown();
    redis.onApplicationShutdown();
  });
  return { service, breaker: service.create(name, options) };
}

/** @param {() => boolean} condition */
async function until(condition) {
  while (!condition()) await pause(1);
}

/** @returns {import('../core-bench.mjs').Goal[]} */
function costGoals(url) {
  const { breaker: ours } = startInstance(url, 'plain');
  const timed = startInstance(
    url,
    'timed',
    {},
    { timeoutMs: 10_000, slowCallMs: 7500, concurrencyMax: 1000 },
  ).breaker;
  const opened = startInstance(url, 'opened', {
    CIRCUIT_BREAKER_OPEN_MS: '600000',
    CIRCUIT_BREAKER_OPEN_MAX_MS: '600000',
  });
  const sampling = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 30_000,
    breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  });
  const opossum = new Opossum(action);
  const openOpossum = new Opossum(action);
  openOpossum.open();
  cleanUps.push(() => {
    opossum.shutdown();
    openOpossum.shutdown();
  });
  const open = async () => {
    while (opened.breaker.report().state !== 'open')
      await opened.breaker.execute(failing).catch(() => undefined);
  };
  return [
    {
      id: 'B1a',
      what: 'Closed circuit: µs of processor time that a call costs',
      ours: () => overheadOf(() => ours.execute(action)),
      peer: { name: 'cockatiel (sampling)', measure: () => overheadOf(() => sampling.execute(action)) },
      target: { is: 'ratio', at: 'most', bound: 1 },
    },
    {
      id: 'B1b',
      what: 'The same with a deadline and a cap',
      ours: () => overheadOf(() => timed.execute(action)),
      peer: { name: 'opossum', measure: () => overheadOf(() => opossum.fire()) },
      target: { is: 'ratio', at: 'most', bound: 0.4 },
    },
    {
      id: 'B2',
      what: 'Open circuit: µs of processor time of a refusal',
      ours: async () => {
        await open();
        return microsecondsOf(() => opened.breaker.execute(action), REFUSALS);
      },
      peer: { name: 'opossum', measure: () => microsecondsOf(() => openOpossum.fire(), REFUSALS) },
      target: { is: 'ratio', at: 'most', bound: 0.15 },
    },
  ];
}

/** @returns {import('../core-bench.mjs').Goal[]} */
function fleetGoals(url, monitor) {
  const env = {
    CIRCUIT_BREAKER_MINIMUM_CALLS: '4',
    CIRCUIT_BREAKER_OPEN_MS: String(OPEN_MS),
    CIRCUIT_BREAKER_OPEN_MAX_MS: String(OPEN_MS),
    CIRCUIT_BREAKER_PROBES: String(PROBES),
  };
  /** @type {ReturnType<typeof startInstance>[]} */
  const fleet = [];
  const join = async () => {
    if (fleet.length > 0) return;
    await monitor.flushall();
    for (let i = 0; i < PROCESSES; i += 1) fleet.push(startInstance(url, 'backend', env));
    await until(() => fleet.every(({ breaker }) => breaker.report().isShared));
  };
  const are = (state) => fleet.every(({ breaker }) => breaker.report().state === state);
  const trip = async ({ breaker }) => {
    while (breaker.report().state === 'closed') await breaker.execute(failing).catch(() => undefined);
  };
  const evalsha = async () =>
    Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(await monitor.info('commandstats'))?.[1] ?? 0);
  /** @type {number[]} */
  let delays = [];
  return [
    {
      id: 'B3a',
      what: 'Redis commands of 100,000 calls in a closed circuit beyond its polls',
      rounds: 3,
      ours: async () => {
        await join();
        const [before, from] = [await evalsha(), performance.now()];
        for (let i = 0; i < 100_000; i += 1) await fleet[0].breaker.execute(action);
        const polls = PROCESSES * Math.ceil((performance.now() - from) / 1000 + 1);
        const commands = Math.max(0, (await evalsha()) - before - polls);
        // The successes of its window would take as many failures to outweigh.
        await fleet[0].service.setMode('backend', 'automatic');
        await until(() => are('closed'));
        return commands;
      },
      target: { is: 'value', at: 'most', bound: 0 },
    },
    {
      id: 'B3b',
      what: 'Redis commands per second, breaker and process',
      rounds: 1,
      ours: async () => {
        await join();
        const [before, from] = [await evalsha(), performance.now()];
        await pause(5000);
        return ((await evalsha()) - before) / PROCESSES / ((performance.now() - from) / 1000);
      },
      target: { is: 'value', at: 'most', bound: 2 },
    },
    {
      id: 'B4a',
      what: 'Open on one of 8 processes, seen by another: median ms of 40 openings',
      rounds: 1,
      ours: async () => {
        await join();
        delays = [];
        for (let round = 0; round < 40; round += 1) {
          const from = performance.now();
          await trip(fleet[round % PROCESSES]);
          const seen = new Set();
          await until(() => {
            for (const each of fleet)
              if (!seen.has(each) && each.breaker.report().state === 'open') {
                seen.add(each);
                delays.push(performance.now() - from);
              }
            return seen.size === PROCESSES;
          });
          await fleet[0].service.setMode('backend', 'automatic');
          await until(() => are('closed'));
        }
        return median(delays);
      },
      target: { is: 'value', at: 'most', bound: 100 },
    },
    {
      id: 'B4b',
      what: 'The same: 99th percentile, ms',
      rounds: 1,
      ours: () => delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.99)] ?? Number.NaN,
      target: { is: 'value', at: 'most', bound: 300 },
    },
    {
      id: 'B5',
      what: `Probes of 100 recoveries over 8 processes (${String(PROBES)} each is exact)`,
      rounds: 1,
      ours: async () => {
        await join();
        let probes = 0;
        for (let recovery = 0; recovery < 100; recovery += 1) {
          await trip(fleet[recovery % PROCESSES]);
          await until(() => are('open'));
          const probeOf = (breaker) => async () => {
            // A call that passes because the recovery was heard of on its way is no probe.
            if (breaker.report().state !== 'closed') probes += 1;
            await pause(2);
          };
          while (!are('closed')) {
            await Promise.allSettled(
              fleet.map(({ breaker }) =>
                breaker.report().state === 'closed' ? null : breaker.execute(probeOf(breaker)),
              ),
            );
            await pause(2);
          }
        }
        return probes;
      },
      peer: { name: '8 × opossum', measure: opossumProbes },
      target: { is: 'value', at: 'most', bound: 100 * PROBES },
    },
  ];
}

/** Probes of 100 recoveries when each of 8 processes has an opossum of its own. */
async function opossumProbes() {
  let isDown = false;
  let probes = 0;
  const backend = async () => {
    if (isDown) throw new Error('down');
    probes += 1;
  };
  const fleet = Array.from(
    { length: PROCESSES },
    () => new Opossum(backend, { resetTimeout: 5, timeout: false }),
  );
  for (let recovery = 0; recovery < 100; recovery += 1) {
    isDown = true;
    for (const breaker of fleet) while (!breaker.opened) await breaker.fire().catch(() => undefined);
    isDown = false;
    while (fleet.some((breaker) => !breaker.closed)) {
      await Promise.allSettled(fleet.map((breaker) => (breaker.closed ? null : breaker.fire())));
      await pause(1);
    }
  }
  for (const breaker of fleet) breaker.shutdown();
  return probes;
}

/** @type {import('../core-bench.mjs').Section} */
export default {
  async open() {
    const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-breaker-'));
    const redis = await startRedis({ dir: join(directory, 'redis'), runDir: directory });
    const monitor = new Redis(redis.url);
    cleanUps.push(
      () => monitor.disconnect(),
      () => redis.stop(),
      () => rmSync(directory, { recursive: true, force: true }),
    );
    return [...costGoals(redis.url), ...fleetGoals(redis.url, monitor)];
  },
  async close() {
    // Breakers first, in front of the server that they listen to.
    const [first, second, third, ...breakers] = cleanUps;
    for (const cleanUp of [...breakers, first, second, third]) await cleanUp?.();
  },
};
