import fc from 'fast-check';
import { parseWalPosition } from './wal-position.js';

describe('parseWalPosition', () => {
  it.each([
    ['0/0', 0n],
    ['0/1', 1n],
    ['1/0', 4_294_967_296n],
    ['16/B374D848', 0x16b374d848n],
    ['16/b374d848', 0x16b374d848n],
    ['FFFFFFFF/FFFFFFFF', 0xffffffffffffffffn],
  ])('reads %s', (text, position) => {
    expect(parseWalPosition(text)).toBe(position);
  });

  it('compares as PostgreSQL does: the part before the slash first', () => {
    const text = (value: bigint) =>
      `${(value >> 32n).toString(16).toUpperCase()}/${(value & 0xffffffffn).toString(16).toUpperCase()}`;
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 64n) - 1n), fc.bigInt(0n, (1n << 64n) - 1n), (a, b) => {
        expect(parseWalPosition(text(a)) < parseWalPosition(text(b))).toBe(a < b);
      }),
    );
  });

  it.each(['', '/', '1', '1/', '/1', '1/2/3', '1/G', '123456789/0', ' 1/2', '1/2\n', '-1/2'])(
    'refuses %j',
    (text) => {
      expect(() => parseWalPosition(text)).toThrow(RangeError);
    },
  );
});
