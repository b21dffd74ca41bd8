// The rate limiter: goals R1 to R7, beside rate-limiter-flexible, @nestjs/throttler and its Redis storage.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ThrottlerStorageRedisService } from '@nest-lab/throttler-storage-redis';
import { ThrottlerStorageService } from '@nestjs/throttler';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { SystemClock } from '../../../dist/common/clock.js';
import { InMemoryRateLimiter } from '../../../dist/core/rate-limiter/in-memory-rate-limiter.js';
import { encodeTerms, windowTake } from '../../../dist/core/rate-limiter/window-script.js';
import { startRedis } from '../../../scripts/services/redis.mjs';
import { joinFleet } from './processes/rate-limiter-member.mjs';

const MEMBER = fileURLToPath(new URL('./processes/rate-limiter-member.mjs', import.meta.url));
const FLEET_SIZE = 4;
const WINDOW_MS = 60_000;
const TRACES = 500;

/** @type {(() => Promise<void> | void)[]} */
const closing = [];
const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-limiter-'));
let serverCount = 0;
let subjectCount = 0;
const newSubject = () => `subject-${String((subjectCount += 1))}`;

async function startServer() {
  serverCount += 1;
  const name = `redis-${String(serverCount)}`;
  return startRedis({ dir: join(directory, name), runDir: join(directory, 'run'), name });
}

/** @param {string} text @param {RegExp} pattern */
const numberIn = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);

/** What Redis spent on something. @param {Redis} admin */
async function usage(admin) {
  const text = await admin.info();
  return {
    cpuMicros: 1e6 * (numberIn(text, /used_cpu_user:([\d.]+)/) + numberIn(text, /used_cpu_sys:([\d.]+)/)),
    bytesIn: numberIn(text, /total_net_input_bytes:(\d+)/),
    calls: numberIn(await admin.info('commandstats'), /cmdstat_evalsha:calls=(\d+)/),
  };
}

/**
 * Decisions, so many at once.
 *
 * @param {number} count
 * @param {(index: number) => unknown} decide
 */
async function inBatches(count, decide, size = 64) {
  for (let from = 0; from < count; from += size) {
    const waiting = [];
    for (let index = from; index < Math.min(count, from + size); index += 1) {
      const decision = decide(index);
      if (decision instanceof Promise) waiting.push(decision);
    }
    if (waiting.length > 0) await Promise.all(waiting);
  }
}

/** A generator of numbers that is the same in every run (mulberry32). @param {number} seed */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * The worst stretch of a window over random traces and bursts around borders, as a share of the limit.
 *
 * @param {Redis} client
 * @param {{ limit: number, windowMs: number }} terms
 */
async function worstShare(client, terms) {
  const random = seeded(terms.limit);
  const { limit, windowMs } = terms;
  let worst = 0;
  for (let trace = 0; trace < 2 * TRACES; trace += 1) {
    const key = `caudal:limit:window:{bench}:${newSubject()}`;
    let atMs = 1_700_000_000_000 + Math.floor(random() * windowMs);
    /** @type {number[]} */
    const times = [];
    for (let step = 0; step < 12; step += 1) {
      const isStraddling = trace % 2 === 0;
      const cellMs = Math.max(1, Math.floor(windowMs / 64));
      atMs = isStraddling
        ? (Math.floor(atMs / cellMs) + 1 + Math.floor(random() * 64)) * cellMs + Math.floor(random() * 3) - 1
        : atMs + Math.floor(random() * windowMs * 0.2);
      const calls = isStraddling && random() < 0.5 ? limit : Math.ceil((random() * limit) / 4);
      for (let call = 0; call < calls; call += 1) times.push(atMs);
    }
    const encoded = encodeTerms([terms]);
    const orders = Buffer.alloc(25);
    orders.writeUInt32BE(1, 4);
    orders.writeUInt32BE(1, 8);
    const replies = await Promise.all(
      times.map((time) => windowTake.run(client, [key], [encoded, 'take', orders, time])),
    );
    const admitted = times.filter((_, index) => replies[index]?.[0]?.granted === 1);
    let first = 0;
    for (const [index, time] of admitted.entries()) {
      while (time - (admitted[first] ?? time) >= windowMs) first += 1;
      worst = Math.max(worst, (index - first + 1) / limit);
    }
  }
  return worst;
}

/** A burst right before the end of a fixed window and another right after it, in real time. @param {Redis} client */
async function peerStraddle(client) {
  const limit = 100;
  const peer = new RateLimiterRedis({ storeClient: client, points: limit, duration: 1 });
  const key = newSubject();
  const admit = () =>
    peer.consume(key).then(
      () => 1,
      () => 0,
    );
  const start = performance.now();
  let admitted = 0;
  await admit();
  await sleep(900);
  for (let call = 0; call < limit; call += 1) admitted += await admit();
  await sleep(Math.max(0, 1005 - (performance.now() - start)));
  for (let call = 0; call < limit; call += 1) admitted += await admit();
  return admitted / limit;
}

/** @returns {Promise<import('../core-bench.mjs').Goal[]>} */
async function open() {
  const server = await startServer();
  closing.push(() => server.stop());
  const admin = new Redis(server.url);
  const client = new Redis(server.url);
  closing.push(() => {
    admin.disconnect();
    client.disconnect();
  });
  // Both sides get all the time they need: what is compared here is work, and R5 is about deadlines.
  const member = await joinFleet(server.url, { REDIS_COMMAND_TIMEOUT_MS: '10000' });
  closing.push(() => member.leave());
  /** What is measured must have been asked of Redis. */
  const checkNoFallback = async () => {
    const count = await member.metric('rate_limiter_fallback_total');
    if (count > 0) throw new Error(`${String(count)} decisions were taken from memory`);
  };
  const { limiter } = member;
  // Comparisons of one decision with one decision: a limit small enough to ask Redis every time.
  const strict = { name: 'strict', limit: 100, windowMs: WINDOW_MS };
  const large = { name: 'large', limit: 200, windowMs: WINDOW_MS };
  const DECISIONS = 20_000;
  const KEYS = 1000;
  const CLIENTS = 64;

  /**
   * What one decision costs Redis, every subject far from its limit.
   * @param {'cpuMicros' | 'bytesIn'} quantity
   * @param {(subject: string) => unknown} decide
   */
  const costOf = async (quantity, decide) => {
    const prefix = newSubject();
    const before = await usage(admin);
    await inBatches(DECISIONS, (index) => decide(`${prefix}-${String(index % KEYS)}`));
    await checkNoFallback();
    const after = await usage(admin);
    return (after[quantity] - before[quantity]) / DECISIONS;
  };
  const ourDecision = (/** @type {string} */ subject) => limiter.take([{ policy: strict, subject, cost: 1 }]);
  // The same length of key on both sides: ours has the hash tag of a cluster.
  const flexible = new RateLimiterRedis({
    storeClient: client,
    points: strict.limit,
    duration: 60,
    keyPrefix: 'caudal:limit:window:{limits-00}:strict',
  });
  const theirDecision = (/** @type {string} */ subject) => flexible.consume(subject);
  const flexibleName = 'rate-limiter-flexible';

  /**
   * Nine of ten decisions on ten subjects, the rest on many.
   * @param {(subject: string) => unknown} decide
   * @returns {Promise<{ perSecond: number, calls: number }>}
   */
  const abuse = async (decide) => {
    const prefix = newSubject();
    const random = seeded(7);
    const subjects = Array.from({ length: 60_000 }, () =>
      random() < 0.9
        ? `${prefix}-abuser-${String(Math.floor(random() * 10))}`
        : `${prefix}-${String(Math.floor(random() * 5000))}`,
    );
    const before = await usage(admin);
    const start = performance.now();
    await inBatches(subjects.length, (index) => decide(subjects[index] ?? ''));
    const seconds = (performance.now() - start) / 1000;
    await limiter.synchronize();
    await checkNoFallback();
    const after = await usage(admin);
    return { perSecond: subjects.length / seconds, calls: (after.calls - before.calls) / subjects.length };
  };
  const blocking = new RateLimiterRedis({
    storeClient: client,
    points: large.limit,
    duration: 60,
    inMemoryBlockOnConsumed: large.limit + 1,
  });
  const ourAbuse = () => abuse((subject) => limiter.take([{ policy: large, subject, cost: 1 }]));
  const theirAbuse = () => abuse((subject) => blocking.consume(subject).catch(() => undefined));

  const log = { name: 'visits', windowMs: WINDOW_MS };
  const three = [6, 2, 1].map((part, index) => ({
    name: ['short', 'medium', 'long'][index] ?? '',
    limit: strict.limit,
    windowMs: WINDOW_MS / part,
    log,
  }));
  const nestLab = new ThrottlerStorageRedisService(client);
  /**
   * By clients each of whom asks again when it has its answer.
   * @param {(subject: string) => unknown} decide
   */
  const perSecond = async (decide) => {
    const prefix = newSubject();
    let left = DECISIONS;
    const start = performance.now();
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (left > 0) {
          left -= 1;
          await decide(`${prefix}-${String(left % KEYS)}`);
        }
      }),
    );
    await checkNoFallback();
    return DECISIONS / ((performance.now() - start) / 1000);
  };

  return [
    {
      id: 'R1 exact',
      what: 'worst share of the limit in a window, up to 128 points, 1,000 traces',
      ours: () => worstShare(client, { limit: 20, windowMs: 1000 }),
      peer: { name: `${flexibleName}, one straddling trace`, measure: () => peerStraddle(client) },
      target: { is: 'value', at: 'most', bound: 1 },
      rounds: 1,
    },
    {
      id: 'R1 counted',
      what: 'worst share of the limit in a window, above 128 points, 1,000 traces',
      ours: () => worstShare(client, { limit: 150, windowMs: 6400 }),
      peer: { name: `${flexibleName}, one straddling trace`, measure: () => peerStraddle(client) },
      target: { is: 'value', at: 'most', bound: 1.1 },
      rounds: 1,
    },
    {
      id: 'R2 processor',
      what: 'microseconds of Redis per decision that asks it',
      ours: () => costOf('cpuMicros', ourDecision),
      peer: { name: flexibleName, measure: () => costOf('cpuMicros', theirDecision) },
      target: { is: 'ratio', at: 'most', bound: 1.3 },
    },
    {
      id: 'R2 bytes',
      what: 'bytes to Redis per decision that asks it, keys of the same length',
      ours: () => costOf('bytesIn', ourDecision),
      peer: { name: flexibleName, measure: () => costOf('bytesIn', theirDecision) },
      target: { is: 'ratio', at: 'most', bound: 1 },
    },
    {
      id: 'R3 rate',
      what: 'decisions per second, 90 % of them on ten abusers',
      ours: async () => (await ourAbuse()).perSecond,
      peer: { name: `${flexibleName}, inMemoryBlock`, measure: async () => (await theirAbuse()).perSecond },
      target: { is: 'ratio', at: 'least', bound: 1.1 },
    },
    {
      id: 'R3 calls',
      what: 'Redis calls per decision, 90 % of them on ten abusers',
      ours: async () => (await ourAbuse()).calls,
      peer: { name: `${flexibleName}, inMemoryBlock`, measure: async () => (await theirAbuse()).calls },
      target: { is: 'ratio', at: 'most', bound: 0.8 },
    },
    {
      id: 'R4',
      what: 'requests per second under three named limits, 64 clients',
      ours: () => perSecond((subject) => limiter.take(three.map((policy) => ({ policy, subject, cost: 1 })))),
      peer: {
        name: '@nestjs/throttler with @nest-lab storage',
        measure: () =>
          perSecond(async (subject) => {
            for (const { name, limit, windowMs } of three)
              await nestLab.increment(`${subject}-${name}`, windowMs, limit, windowMs, name);
          }),
      },
      target: { is: 'ratio', at: 'least', bound: 2.5 },
    },
    {
      id: 'R5 deadline',
      what: 'ms, p99 of 200 decisions at the moment when Redis hangs',
      ours: async () => (await hang()).atOnce,
      target: { is: 'value', at: 'most', bound: 60 },
      rounds: 3,
    },
    {
      id: 'R5 after',
      what: 'ms, p99 of the decisions after that, Redis still hanging',
      ours: async () => (await hang()).after,
      target: { is: 'value', at: 'most', bound: 1 },
      rounds: 3,
    },
    {
      id: 'R6',
      what: 'admitted by 4 processes while Redis is dead, share of the limit',
      ours: async () => (await dead()).ours,
      peer: { name: `${flexibleName}, insurance`, measure: async () => (await dead()).theirs },
      target: { is: 'value', at: 'most', bound: 1.15 },
      rounds: 1,
    },
    {
      id: 'R7',
      what: 'microseconds of a decision from memory at 10,000 hits of the key',
      ours: () => {
        const memory = new InMemoryRateLimiter(new SystemClock());
        const charges = [
          { policy: { name: 'm', limit: 1_000_000, windowMs: WINDOW_MS }, subject: 'k', cost: 1 },
        ];
        return microsAt10k(() => memory.take(charges));
      },
      peer: {
        name: '@nestjs/throttler in memory',
        measure: async () => {
          const memory = new ThrottlerStorageService();
          const micros = await microsAt10k(() => memory.increment('k', WINDOW_MS, 1_000_000, WINDOW_MS, 'm'));
          memory.onApplicationShutdown();
          return micros;
        },
      },
      target: { is: 'ratio', at: 'most', bound: 0.02 },
    },
  ];
}

/** @param {() => unknown} decide */
async function microsAt10k(decide) {
  for (let hit = 0; hit < 10_000; hit += 1) await decide();
  const CALLS = 500;
  const start = performance.now();
  for (let call = 0; call < CALLS; call += 1) await decide();
  return ((performance.now() - start) * 1000) / CALLS;
}

/** A server of its own that is stopped in its tracks. */
async function hang() {
  const server = await startServer();
  const member = await joinFleet(server.url);
  const policy = { name: 'hang', limit: 100, windowMs: WINDOW_MS };
  /** @param {number} count @param {number} size */
  const p99 = async (count, size) => {
    /** @type {number[]} */
    const waits = [];
    for (let done = 0; done < count; done += size)
      await Promise.all(
        Array.from({ length: size }, async () => {
          const start = performance.now();
          await member.limiter.take([{ policy, subject: newSubject(), cost: 1 }]);
          waits.push(performance.now() - start);
        }),
      );
    return waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? NaN;
  };
  await p99(400, 200);
  server.kill('SIGSTOP');
  const atOnce = await p99(200, 200);
  const after = await p99(2000, 20);
  server.kill('SIGCONT');
  await member.leave();
  await server.stop();
  return { atOnce, after };
}

/** Four processes that know each other, and no Redis. */
async function dead() {
  const server = await startServer();
  const processes = Array.from({ length: FLEET_SIZE }, () => fork(MEMBER, [server.url, String(FLEET_SIZE)]));
  try {
    await Promise.all(processes.map((child) => once(child, 'message')));
    server.kill('SIGKILL');
    await server.waitForExit();
    const results = await Promise.all(
      processes.map(async (child) => {
        const answer = once(child, 'message');
        child.send({ calls: 3000 });
        return /** @type {{ ours: number, theirs: number }[]} */ (await answer)[0];
      }),
    );
    return {
      ours: results.reduce((sum, result) => sum + (result?.ours ?? NaN), 0),
      theirs: results.reduce((sum, result) => sum + (result?.theirs ?? NaN), 0),
    };
  } finally {
    for (const child of processes) child.kill('SIGKILL');
    await server.stop();
  }
}

async function close() {
  for (const step of closing.reverse()) await step();
  rmSync(directory, { recursive: true, force: true });
}

/** @type {import('../core-bench.mjs').Section} */
const section = { open, close };
export default section;
