import { heapProblem } from './heap-limit.js';

const MEBIBYTE = 1024 * 1024;

describe('the heap against the memory limit', () => {
  it('fits when the old space has 75 % of the limit, whatever V8 adds for young objects', () => {
    expect(heapProblem((1152 + 192) * MEBIBYTE, 1536 * MEBIBYTE)).toBeNull();
  });

  it('is refused above that, with the number to set', () => {
    expect(heapProblem(4288 * MEBIBYTE, 1536 * MEBIBYTE)).toBe(
      'the heap may grow to 4288 MiB of a memory limit of 1536 MiB: set --max-old-space-size in NODE_OPTIONS to at most 1152',
    );
  });

  it.each([0, 2 ** 63 - 4096, 2 ** 64])('is free where the kernel knows no limit (%d)', (limit) => {
    expect(heapProblem(8192 * MEBIBYTE, limit)).toBeNull();
  });
});
