import { parseDecimalInteger } from './decimal-integer.js';

describe('parseDecimalInteger', () => {
  it.each([
    ['0', 0],
    ['24', 24],
    ['007', 7],
    ['999999999999999', 999_999_999_999_999],
  ])('reads %j', (text, number) => {
    expect(parseDecimalInteger(text)).toBe(number);
  });

  it.each(['', ' ', ' 1', '1 ', '1\n', '+1', '-1', '1.0', '1e1', '0x10', '0b1', '1_000', '١', 'Infinity'])(
    'reads nothing in %j',
    (text) => {
      expect(parseDecimalInteger(text)).toBeNaN();
    },
  );

  it('reads nothing in more digits than a number holds, and in what is no text', () => {
    expect(['9'.repeat(16), 7, ['7'], null, undefined].map(parseDecimalInteger)).toEqual(
      Array<number>(5).fill(NaN),
    );
  });
});
