import { GradientLimit } from './gradient-limit.js';

describe('the limit on open requests', () => {
  const bounds = { initial: 400, min: 100, max: 1000 };
  const windowOf = (latencyMs: number, count = 100) => ({ count, sumMs: latencyMs * count });
  const settle = (limit: GradientLimit, latencyMs: number, updates: number, open?: number): number => {
    for (let i = 0; i < updates; i += 1) limit.update([windowOf(latencyMs)], open ?? limit.limit);
    return limit.limit;
  };

  it('grows while it is used and the latency is as usual, up to its upper bound', () => {
    const limit = new GradientLimit(bounds);
    expect(settle(limit, 10, 20)).toBeGreaterThan(430);
    expect(settle(limit, 10, 1000)).toBe(1000);
  });

  it('shrinks when the latency is a multiple of what is usual, down to its lower bound', () => {
    const limit = new GradientLimit(bounds);
    settle(limit, 10, 50, 0);
    expect(settle(limit, 100, 5)).toBeLessThan(300);
    expect(settle(limit, 100, 60)).toBe(100);
  });

  it('forgets a long latency soon after it is over', () => {
    const limit = new GradientLimit(bounds);
    settle(limit, 100, 2000);
    settle(limit, 10, 60, 0);
    // Had the 100 ms been remembered, 20 ms would look like a gain.
    expect(settle(limit, 40, 10)).toBeLessThan(1000);
  });

  it('does not grow by what does not use it, and does not move by too few answers', () => {
    const limit = new GradientLimit(bounds);
    limit.update([windowOf(10)], 199);
    limit.update([windowOf(1000, 9)], 400);
    limit.update([], 400);
    expect(limit.limit).toBe(400);
  });

  it('comes down to what is open when that is enough to make latencies long', () => {
    const limit = new GradientLimit({ ...bounds, initial: 1000 });
    limit.update([windowOf(10)], 0);
    expect(settle(limit, 100, 5, 300)).toBeLessThan(300);
  });

  it('is there within a second when an overload comes, and back a few seconds after it', () => {
    const limit = new GradientLimit({ ...bounds, initial: 1000 });
    limit.update([windowOf(10)], 0);
    expect(settle(limit, 1000, 10)).toBe(100);
    expect(settle(limit, 10, 30)).toBe(1000);
  });

  it('takes another mix of kinds for what it is', () => {
    const limit = new GradientLimit(bounds);
    for (let i = 0; i < 50; i += 1) limit.update([windowOf(100, 10), windowOf(1, 1000)], 0);
    // On average of all the latency is fifty times as long, of each kind it is the same.
    limit.update([windowOf(100, 1000), windowOf(1, 10)], 400);
    expect(limit.limit).toBeGreaterThan(400);
  });

  it('sees what waits for a database behind any number of answers from memory', () => {
    const limit = new GradientLimit(bounds);
    limit.update([windowOf(10), windowOf(1, 10_000)], 0);
    limit.update([windowOf(100), windowOf(1, 10_000)], 400);
    expect(limit.limit).toBeLessThan(400);
  });

  it('begins within its bounds', () => {
    expect(new GradientLimit({ initial: 1024, min: 1, max: 2 }).limit).toBe(2);
    expect(new GradientLimit({ initial: 1024, min: 2000, max: 9000 }).limit).toBe(2000);
  });
});
