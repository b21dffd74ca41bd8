import { periodOf, periodOfSuffix, shift } from './partition-period.js';

describe('a partition period', () => {
  it('is the UTC day or month of a time', () => {
    const time = new Date('2026-12-31T23:59:59.999Z');
    expect(periodOf(time, 'day')).toEqual({
      from: new Date('2026-12-31T00:00:00Z'),
      to: new Date('2027-01-01T00:00:00Z'),
      suffix: '20261231',
    });
    expect(periodOf(time, 'month')).toEqual({
      from: new Date('2026-12-01T00:00:00Z'),
      to: new Date('2027-01-01T00:00:00Z'),
      suffix: '202612',
    });
  });

  it('follows the calendar when shifted', () => {
    const month = periodOf(new Date('2026-11-30T12:00:00Z'), 'month');
    expect(shift(month, 'month', 2).suffix).toBe('202701');
    expect(shift(month, 'month', -11).suffix).toBe('202512');
    expect(shift(periodOf(new Date('2028-02-28T00:00:00Z'), 'day'), 'day', 2).suffix).toBe('20280301');
  });

  it('is read back from its suffix, and nothing else is', () => {
    expect(periodOfSuffix('20261122', 'day')).toEqual(periodOf(new Date('2026-11-22T08:00:00Z'), 'day'));
    expect(periodOfSuffix('202611', 'month')).toEqual(periodOf(new Date('2026-11-22T08:00:00Z'), 'month'));
    expect(() => periodOfSuffix('202611', 'day')).toThrow(RangeError);
    expect(() => periodOfSuffix('default', 'month')).toThrow(RangeError);
  });
});
