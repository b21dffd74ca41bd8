import { compareRounds, interleave, median } from './interleaved-rounds.mjs';

describe('interleave', () => {
  it('measures both in every round and lets neither always go first', async () => {
    const order: string[] = [];
    const contender = (name: string, perSecond: number) => ({
      measure: () => {
        order.push(name);
        return Promise.resolve({ perSecond });
      },
    });

    const [a, b] = await interleave(3, [contender('a', 1), contender('b', 2)]);

    expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
    expect(a.map(({ perSecond }) => perSecond)).toEqual([1, 1, 1]);
    expect(b.map(({ perSecond }) => perSecond)).toEqual([2, 2, 2]);
  });
});

describe('compareRounds', () => {
  it('compares neighbours, so that a slow minute of the machine cancels out', () => {
    expect(compareRounds([60, 6, 70], [100, 10, 100])).toEqual({ median: 0.6, lowest: 0.6, highest: 0.7 });
  });
});

describe('median', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});
