import { newId } from '../../common/ids.js';
import { orderNumber } from './order-number.js';

describe('the number of an order', () => {
  it('is made of the time and the random end of its id', () => {
    expect(orderNumber('00000000-0000-7000-8000-000000000000')).toBe('000000000-000000');
    expect(orderNumber('00000000-001f-7000-8000-00000000001f')).toBe('00000000Z-00000Z');
    expect(orderNumber('ffffffff-ffff-7fff-bfff-ffffffffffff')).toBe('ZZZZZZZZZ-ZZZZZZ');
  });

  it('has no letter that is taken for a digit, and one length', () => {
    for (let i = 0; i < 1000; i += 1)
      expect(orderNumber(newId())).toMatch(/^[0-9A-HJKMNP-TV-Z]{9}-[0-9A-HJKMNP-TV-Z]{6}$/);
  });

  it('sorts by time, and is the same for the same order', () => {
    const early = orderNumber('018f0000-0000-7000-8000-0000ffffffff');
    const late = orderNumber('018f0000-0001-7000-8000-000000000000');
    expect(early < late).toBe(true);
    expect(orderNumber('018F0000-0001-7000-8000-000000000000')).toBe(late);
  });

  it('tells orders of the same millisecond apart', () => {
    const numbers = Array.from({ length: 5000 }, () => orderNumber(newId()));
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});
