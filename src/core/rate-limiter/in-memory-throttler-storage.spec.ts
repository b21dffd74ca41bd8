import fc from 'fast-check';
import { ManualClock } from '../../common/manual-clock.js';
import { InMemoryThrottlerStorage, isImmediate } from './in-memory-throttler-storage.js';

const WINDOW_MS = 60_000;
const LIMIT = 10;

describe('the storage of rate limits', () => {
  let clock: ManualClock;
  let storage: InMemoryThrottlerStorage;

  beforeEach(() => {
    // At the beginning of a window.
    clock = new ManualClock(1000 * WINDOW_MS);
    storage = new InMemoryThrottlerStorage(clock);
  });

  const hit = (key = 'client') => storage.incrementNow(key, WINDOW_MS, LIMIT);
  const hits = (count: number) => Array.from({ length: count }, () => hit());
  const admitted = (count: number) => hits(count).filter(({ isBlocked }) => !isBlocked).length;

  it('admits as many hits as the limit and denies the next one', () => {
    expect(hits(LIMIT).map(({ isBlocked, totalHits }) => [isBlocked, totalHits])).toEqual(
      Array.from({ length: LIMIT }, (_, index) => [false, index + 1]),
    );
    expect(hit()).toMatchObject({ isBlocked: true, totalHits: LIMIT });
  });

  it('counts each key for itself', () => {
    hits(LIMIT);
    expect(hit('another').isBlocked).toBe(false);
  });

  it('does not let a burst on both sides of a window border pass twice', () => {
    clock.advance(WINDOW_MS - 1);
    hits(LIMIT);
    clock.advance(1);
    expect(admitted(LIMIT)).toBe(0);
    clock.advance(WINDOW_MS / 2);
    expect(admitted(LIMIT)).toBe(LIMIT / 2);
  });

  it('forgets everything after two windows of silence', () => {
    hits(LIMIT);
    clock.advance(2 * WINDOW_MS);
    expect(admitted(LIMIT + 5)).toBe(LIMIT);
  });

  it('does not punish whoever is denied: the denied hits are not counted', () => {
    hits(LIMIT + 1000);
    const { timeToBlockExpire } = hit();
    clock.advance(timeToBlockExpire * 1000);
    expect(hit().isBlocked).toBe(false);
  });

  it('tells when the window ends', () => {
    clock.advance(20_500);
    expect(hit().timeToExpire).toBe(40);
  });

  it('keeps its promise of Retry-After, whatever came before, and never makes anybody wait long', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 15 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), steps, (limit, sequence) => {
        const time = new ManualClock(1000 * WINDOW_MS);
        const store = new InMemoryThrottlerStorage(time);
        for (const [pauseMs, count] of sequence) {
          time.advance(pauseMs);
          for (let i = 0; i < count; i += 1) store.incrementNow('k', WINDOW_MS, limit);
        }
        const denied = store.incrementNow('k', WINDOW_MS, limit);
        if (!denied.isBlocked) return;
        expect(denied.timeToBlockExpire).toBeGreaterThanOrEqual(1);
        expect(denied.timeToBlockExpire).toBeLessThanOrEqual((2 * WINDOW_MS) / 1000);
        time.advance(denied.timeToBlockExpire * 1000);
        expect(store.incrementNow('k', WINDOW_MS, limit).isBlocked).toBe(false);
      }),
    );
  });

  it('admits at most twice the limit in any stretch of a window, and the limit on average', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 50, maxLength: 300 });
    fc.assert(
      fc.property(gaps, (pauses) => {
        const time = new ManualClock(1000 * WINDOW_MS);
        const store = new InMemoryThrottlerStorage(time);
        const admissions: number[] = [];
        const startMs = time.monotonicMs();
        for (const pauseMs of pauses) {
          time.advance(pauseMs);
          if (!store.incrementNow('k', WINDOW_MS, LIMIT).isBlocked) admissions.push(time.monotonicMs());
        }
        for (const from of admissions)
          expect(admissions.filter((at) => at >= from && at < from + WINDOW_MS).length).toBeLessThanOrEqual(
            2 * LIMIT,
          );
        const windows = Math.floor((time.monotonicMs() - startMs) / WINDOW_MS) + 1;
        expect(admissions.length).toBeLessThanOrEqual(windows * LIMIT);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps a client that goes on hitting, however many strangers come by', () => {
    hits(LIMIT);
    for (let stranger = 0; stranger < 120_000; stranger += 1) {
      hit(`stranger-${String(stranger)}`);
      if (stranger % 10_000 === 0) expect(hit().isBlocked).toBe(true);
    }
  });

  it('answers at once, and as a promise for whoever expects one', async () => {
    expect(isImmediate(storage)).toBe(true);
    expect(await storage.increment('client', WINDOW_MS, LIMIT)).toMatchObject({
      totalHits: 1,
      isBlocked: false,
    });
  });
});
