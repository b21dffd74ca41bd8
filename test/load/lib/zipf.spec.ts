import { createZipfPicker } from './zipf.js';

describe('createZipfPicker', () => {
  it('picks each rank in proportion to its inverse', () => {
    let step = 0;
    const draws = 30_000;
    const pick = createZipfPicker(3, { random: () => (step++ + 0.5) / draws });
    const counts = [0, 0, 0];
    for (let i = 0; i < draws; i += 1) counts[pick()]! += 1;

    // 1 : 1/2 : 1/3
    expect(counts[0]! / counts[1]!).toBeCloseTo(2, 2);
    expect(counts[0]! / counts[2]!).toBeCloseTo(3, 2);
  });

  it('stays within the catalogue at both ends of the random numbers', () => {
    expect(createZipfPicker(10, { random: () => 0 })()).toBe(0);
    expect(createZipfPicker(10, { random: () => 1 - Number.EPSILON })()).toBe(9);
    expect(createZipfPicker(1)()).toBe(0);
  });

  it('treats all alike when the exponent is zero', () => {
    expect(createZipfPicker(4, { exponent: 0, random: () => 0.51 })()).toBe(2);
  });
});
