import { SystemClock } from './clock.js';

describe('the system clock', () => {
  const clock = new SystemClock();

  it('tells the wall time, as a number and as a date', () => {
    const before = Date.now();
    expect(clock.nowMs()).toBeGreaterThanOrEqual(before);
    expect(clock.now().getTime()).toBeGreaterThanOrEqual(before);
  });

  it('has a monotonic time that never goes back', () => {
    const first = clock.monotonicMs();
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });
});
