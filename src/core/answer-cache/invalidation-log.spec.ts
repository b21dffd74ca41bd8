import { InvalidationLog } from './invalidation-log.js';

describe('the log of invalidations', () => {
  it('knows the newest position of each tag', () => {
    const log = new InvalidationLog(10);
    log.record('a', 5n);
    log.record('a', 3n);
    log.record('b', 7n);
    expect(log.floorOf(['a'])).toBe(5n);
    expect(log.floorOf(['a', 'b'])).toBe(7n);
    expect(log.floorOf(['c'])).toBe(0n);
  });

  it('is bounded, and distrusts more instead of less when it forgets', () => {
    const log = new InvalidationLog(3);
    for (let i = 1; i <= 10; i += 1) log.record(`tag-${String(i)}`, BigInt(i));
    expect(log.size).toBe(3);
    for (let i = 1; i <= 10; i += 1)
      expect(log.floorOf([`tag-${String(i)}`])).toBeGreaterThanOrEqual(BigInt(i));
    expect(log.floorOf(['never seen'])).toBe(7n);
  });

  it('changes its epoch with each change and with nothing else', () => {
    const log = new InvalidationLog(3);
    log.record('a', 5n);
    const { epoch } = log;
    log.record('a', 5n);
    log.raiseBaseline(0n);
    log.floorOf(['a']);
    expect(log.epoch).toBe(epoch);
    log.raiseBaseline(9n);
    expect(log.epoch).not.toBe(epoch);
  });
});
