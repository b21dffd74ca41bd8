import fc from 'fast-check';
import { Redis } from 'ioredis';
import { SlidingWindow, type WindowTerms } from '../../src/core/rate-limiter/sliding-window.js';
import {
  encodeOrders,
  encodeTerms,
  type WindowOrder,
  type WindowReply,
  windowTake,
} from '../../src/core/rate-limiter/window-script.js';
import { newId } from '../../src/common/ids.js';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import {
  type Admission,
  BruteForceWindow,
  randomTraces,
  straddlingTraces,
  type TraceCall,
  worstShare,
} from '../support/rate-limit-traces.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

interface Taken {
  readonly isAdmitted: boolean;
  readonly remaining: number;
  readonly retryMs: number;
}

/** One subject under one policy, decided at times that the test says. */
interface WindowUnderTest {
  take(call: TraceCall): Promise<Taken> | Taken;
  penalize(call: TraceCall): Promise<void> | void;
  refund(call: TraceCall): Promise<void> | void;
}

let services: TestServices;
let redis: Redis;

beforeAll(async () => {
  services = await startTestServices();
  redis = new Redis(services.redis.url);
});

afterAll(async () => {
  redis.disconnect();
  await services.close();
});

const newKey = () => redisKeys.limitWindow('test', newId());

const runAt = (
  key: string,
  terms: WindowTerms,
  order: WindowOrder,
  atMs: number,
  mode = 'take',
): Promise<WindowReply> =>
  windowTake
    .run(redis, [key], [encodeTerms([terms]), mode, encodeOrders([order]), atMs])
    .then(([reply]) => reply ?? fail('no reply'));

function fail(message: string): never {
  throw new Error(message);
}

function inRedis(terms: WindowTerms): WindowUnderTest {
  const key = newKey();
  return {
    take: async ({ atMs, cost }) => {
      // One point of one window goes a way of its own through the script.
      const reply =
        cost === 1
          ? await windowTake
              .run(redis, [key], [encodeTerms([terms]), 'take', '', atMs])
              .then(([plain]) => plain ?? fail('no reply'))
          : await runAt(key, terms, { wanted: cost, needed: cost }, atMs);
      const { granted, remaining, retryMs } = reply;
      return { isAdmitted: granted === cost, remaining, retryMs };
    },
    penalize: async ({ atMs, cost }) => {
      await runAt(key, terms, { forced: cost }, atMs, 'each');
    },
    refund: async ({ atMs, cost }) => {
      await runAt(key, terms, { back: cost }, atMs, 'each');
    },
  };
}

function inMemory(terms: WindowTerms): WindowUnderTest {
  const window = new SlidingWindow();
  return {
    take: ({ atMs, cost }) => {
      const isAdmitted = window.retryMs(cost, atMs, terms) === 0;
      if (isAdmitted) window.add(cost, atMs, terms);
      return {
        isAdmitted,
        remaining: Math.max(0, terms.limit - window.used(atMs, terms)),
        retryMs: window.retryMs(cost, atMs, terms),
      };
    },
    penalize: ({ atMs, cost }) => {
      window.used(atMs, terms);
      window.add(cost, atMs, terms);
    },
    refund: ({ atMs, cost }) => {
      window.used(atMs, terms);
      window.remove(cost);
    },
  };
}

async function replay(window: WindowUnderTest, trace: readonly TraceCall[]): Promise<Admission[]> {
  const admissions: Admission[] = [];
  for (const call of trace)
    if ((await window.take(call)).isAdmitted) admissions.push({ atMs: call.atMs, points: call.cost });
  return admissions;
}

const EXACT = { limit: 10, windowMs: 1000 };
const COUNTED = { limit: 200, windowMs: 6400 };
const CELL_MS = COUNTED.windowMs / 64;

describe.each([
  ['in memory', inMemory, 300],
  ['in Redis', inRedis, 60],
] as const)('a sliding window %s', (_name, open, runs) => {
  it('up to 128 points decides as whoever adds up every hit does', async () => {
    const traces = fc.oneof(randomTraces(EXACT.windowMs, 80), straddlingTraces(EXACT.windowMs, EXACT.limit));
    await fc.assert(
      fc.asyncProperty(traces, async (trace) => {
        const oracle = new BruteForceWindow(EXACT.limit, EXACT.windowMs);
        const window = open(EXACT);
        for (const call of trace) {
          const { isAdmitted, remaining } = await window.take(call);
          expect([call, isAdmitted]).toEqual([call, oracle.take(call)]);
          expect(remaining).toBe(EXACT.limit - oracle.used(call.atMs));
        }
      }),
      { numRuns: runs },
    );
  });

  it('above never admits more than the limit, nor less than a window longer by a cell would', async () => {
    const traces = fc.oneof(
      randomTraces(COUNTED.windowMs, 400),
      straddlingTraces(COUNTED.windowMs, COUNTED.limit),
    );
    await fc.assert(
      fc.asyncProperty(traces, async (trace) => {
        const admissions = await replay(open(COUNTED), trace);
        expect(worstShare(admissions, COUNTED.limit, COUNTED.windowMs)).toBeLessThanOrEqual(1);
        for (const { atMs, cost } of trace) {
          const used = admissions
            .filter((each) => each.atMs <= atMs && atMs - each.atMs < COUNTED.windowMs + CELL_MS)
            .reduce((sum, { points }) => sum + points, 0);
          // Whoever was denied there had really used up the window, give or take a cell.
          if (!admissions.some((each) => each.atMs === atMs))
            expect(used + cost).toBeGreaterThan(COUNTED.limit);
        }
      }),
      { numRuns: Math.ceil(runs / 4) },
    );
  });

  it.each([EXACT, COUNTED])('keeps its promise of a retry, to the millisecond: %j', async (terms) => {
    await fc.assert(
      fc.asyncProperty(
        randomTraces(terms.windowMs, 60),
        fc.integer({ min: 1, max: terms.limit }),
        async (trace, cost) => {
          const window = open(terms);
          // Enough hits to fill it.
          for (const call of trace)
            for (let time = 0; time < terms.limit / 10; time += 1) await window.take(call);
          const lastMs = trace.at(-1)?.atMs ?? 0;
          const denied = await window.take({ atMs: lastMs, cost });
          if (denied.isAdmitted) return;
          expect(denied.retryMs).toBeGreaterThan(0);
          const early = await window.take({ atMs: lastMs + denied.retryMs - 1, cost });
          expect(early.isAdmitted).toBe(false);
          expect((await window.take({ atMs: lastMs + denied.retryMs, cost })).isAdmitted).toBe(true);
        },
      ),
      { numRuns: Math.ceil(runs / 4) },
    );
  });

  it('counts a penalty beyond the limit and takes refunds back from the newest points', async () => {
    const [window, atMs] = [open(EXACT), 5_000_000];
    await window.penalize({ atMs, cost: 12 });
    expect(await window.take({ atMs, cost: 1 })).toMatchObject({ isAdmitted: false, remaining: 0 });
    await window.refund({ atMs, cost: 5 });
    expect(await window.take({ atMs, cost: 3 })).toMatchObject({ isAdmitted: true, remaining: 0 });
    await window.refund({ atMs, cost: 1000 });
    expect(await window.take({ atMs, cost: 10 })).toMatchObject({ isAdmitted: true, remaining: 0 });
  });

  it('never lets a cost above the limit pass, and says so', async () => {
    expect(await open(EXACT).take({ atMs: 1_000_000, cost: 11 })).toMatchObject({
      isAdmitted: false,
      retryMs: Infinity,
    });
  });
});

describe('the script of the windows', () => {
  const atMs = 9_000_000;
  const take = (keys: string[], orders: WindowOrder[], mode = 'take', terms: WindowTerms = EXACT) =>
    windowTake.run(redis, keys, [encodeTerms(keys.map(() => terms)), mode, encodeOrders(orders), atMs]);
  const one = { wanted: 1, needed: 1 };

  it('takes from all windows or from none', async () => {
    const [wide, narrow] = [newKey(), newKey()];
    const terms = encodeTerms([EXACT, { limit: 1, windowMs: 1000 }]);
    const both = () => windowTake.run(redis, [wide, narrow], [terms, 'take', encodeOrders([one, one]), atMs]);
    expect((await both()).map(({ granted }) => granted)).toEqual([1, 1]);
    const denied = await both();
    expect(denied.map(({ granted, retryMs }) => [granted, retryMs])).toEqual([
      [0, 0],
      [0, 1000],
    ]);
    expect(denied[0]?.remaining).toBe(9);
  });

  it('lets a shadow window refuse nobody, and counts it as if it did', async () => {
    const [real, shadow] = [newKey(), newKey()];
    const terms = encodeTerms([EXACT, { limit: 1, windowMs: 1000 }]);
    const orders = encodeOrders([one, { ...one, isShadow: true }]);
    const both = () => windowTake.run(redis, [real, shadow], [terms, 'take', orders, atMs]);
    await both();
    expect((await both()).map(({ granted }) => granted)).toEqual([1, 0]);
  });

  it('decides each window for itself when told so, and grants what there is', async () => {
    const keys = [newKey(), newKey()];
    const orders = [
      { forced: 12, wanted: 5 },
      { forced: 4, wanted: 20 },
    ];
    const replies = await take(keys, orders, 'each');
    expect(replies.map(({ granted, remaining }) => [granted, remaining])).toEqual([
      [0, 0],
      [6, 0],
    ]);
  });

  it('counts points that are leased until the end of the lease and a window more', async () => {
    const key = newKey();
    await runAt(key, EXACT, { wanted: 10, needed: 1, leadMs: 300 }, atMs);
    expect((await runAt(key, EXACT, one, atMs + 1299)).granted).toBe(0);
    expect((await runAt(key, EXACT, one, atMs + 1300)).granted).toBe(1);
  });

  it('writes nothing when it only peeks', async () => {
    const key = newKey();
    await runAt(key, EXACT, one, atMs, 'peek');
    expect(await redis.exists(key)).toBe(0);
  });

  it('blocks from the first denial on, and no denial makes it longer', async () => {
    const key = newKey();
    const order = { wanted: 10, needed: 10, blockMs: 5000 };
    expect((await runAt(key, EXACT, order, atMs)).granted).toBe(10);
    expect((await runAt(key, EXACT, order, atMs + 100)).retryMs).toBe(5000);
    expect((await runAt(key, EXACT, order, atMs + 2100)).retryMs).toBe(3000);
    expect((await runAt(key, EXACT, order, atMs + 5099)).granted).toBe(0);
    expect((await runAt(key, EXACT, order, atMs + 5100)).granted).toBe(10);
  });

  it('blocks at once whoever is to be blocked', async () => {
    const key = newKey();
    await runAt(key, EXACT, { blockMs: 400, blocksAtOnce: true }, atMs, 'each');
    expect(await runAt(key, EXACT, one, atMs + 1)).toMatchObject({ granted: 0, retryMs: 399, remaining: 10 });
    expect((await runAt(key, EXACT, one, atMs + 400)).granted).toBe(1);
  });

  it('forgets what lies more than a window ahead: the clock of the server went back', async () => {
    const key = newKey();
    await runAt(key, EXACT, { wanted: 10, needed: 10 }, atMs);
    expect((await runAt(key, EXACT, one, atMs - 1001)).granted).toBe(1);
  });

  it('keeps a window small, and lets it expire, however many points it counts', async () => {
    const [counted, exact] = [newKey(), newKey()];
    const million = { limit: 1_000_000, windowMs: 60_000 };
    for (let call = 0; call < 400; call += 1) {
      await runAt(counted, million, { wanted: 1000, needed: 1000 }, atMs + call * 300);
      await runAt(exact, { limit: 10, windowMs: 60_000 }, { forced: 1 }, atMs + call * 7, 'each');
    }
    for (const key of [counted, exact]) {
      expect(await redis.strlen(key)).toBeLessThanOrEqual(12 + 130 * 12);
      const ttlMs = await redis.pttl(key);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(90_000);
    }
  });

  it('is kept for its window after each point, though most only add a record', async () => {
    const key = newKey();
    const WINDOW_MS = 60_000;
    const LONG_MS = 10_000_000;
    let expiresAtMs = 0;
    let writtenAnew = 0;
    for (let now = atMs; now < atMs + 4 * WINDOW_MS; now += 7_001) {
      await windowTake.run(
        redis,
        [key],
        [encodeTerms([{ limit: 90, windowMs: WINDOW_MS }]), 'take', '', now],
      );
      const ttlMs = await redis.pttl(key);
      if (ttlMs < LONG_MS / 2) {
        expiresAtMs = now + ttlMs;
        writtenAnew += 1;
        await redis.pexpire(key, LONG_MS);
      }
      expect(expiresAtMs).toBeGreaterThan(now + WINDOW_MS);
    }
    expect(writtenAnew).toBeLessThanOrEqual(9);
    // 9 records of the window, and those of half a window that it does not reach any more.
    expect(await redis.strlen(key)).toBeLessThanOrEqual(12 + 14 * 12);
  });

  it('reads the time of the server when nobody says another', async () => {
    const key = newKey();
    const terms = encodeTerms([{ limit: 1, windowMs: 60_000 }]);
    const [first] = await windowTake.run(redis, [key], [terms]);
    const [second] = await windowTake.run(redis, [key], [terms]);
    expect([first?.granted, second?.granted]).toEqual([1, 0]);
    expect(second?.retryMs).toBeGreaterThan(59_000);
  });
});
