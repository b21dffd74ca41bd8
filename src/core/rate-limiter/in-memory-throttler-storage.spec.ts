import { Clock } from '../../common/clock.js';
import { InMemoryThrottlerStorage } from './in-memory-throttler-storage.js';

const WINDOW_MS = 60_000;

class MovedClock extends Clock {
  ms = 10 * WINDOW_MS;
  override nowMs(): number {
    return this.ms;
  }
  override monotonicMs(): number {
    return this.ms;
  }
}

describe('hits counted in memory', () => {
  const clock = new MovedClock();
  let storage: InMemoryThrottlerStorage;
  const admitted = (key: string, attempts: number, limit = 10): number =>
    Array.from({ length: attempts }, () => storage.incrementNow(key, WINDOW_MS, limit)).filter(
      ({ isBlocked }) => !isBlocked,
    ).length;

  beforeEach(() => {
    clock.ms = 10 * WINDOW_MS;
    storage = new InMemoryThrottlerStorage(clock);
  });

  it('admit the limit and deny the hit that crosses it, per key', () => {
    expect(admitted('a', 15)).toBe(10);
    expect(admitted('b', 3)).toBe(3);
    const { isBlocked, totalHits, timeToBlockExpire } = storage.incrementNow('a', WINDOW_MS, 10);
    expect([isBlocked, totalHits]).toEqual([true, 10]);
    expect(timeToBlockExpire).toBeGreaterThanOrEqual(1);
  });

  it('slide out of the window with time, and are all gone after two', () => {
    admitted('a', 10);
    clock.ms += WINDOW_MS * 1.5;
    expect(admitted('a', 10)).toBe(5);
    clock.ms += WINDOW_MS * 2;
    expect(admitted('a', 15)).toBe(10);
  });

  it('admit the hit that was told to wait, after the wait', () => {
    admitted('a', 10);
    const { timeToBlockExpire } = storage.incrementNow('a', WINDOW_MS, 10);
    clock.ms += timeToBlockExpire * 1000;
    expect(admitted('a', 1)).toBe(1);
  });

  it('remember who is busy while crowds of others come and go', () => {
    admitted('busy', 10);
    for (let i = 0; i < 120_000; i += 1) {
      storage.incrementNow(`passer-by-${String(i)}`, WINDOW_MS, 10);
      if (i % 10_000 === 0) expect(admitted('busy', 1)).toBe(0);
    }
  });
});
