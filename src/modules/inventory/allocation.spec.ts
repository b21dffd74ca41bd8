import fc from 'fast-check';
import { allocate, type Demand } from './allocation.js';

const VARIANTS = ['a', 'b', 'c'];

const demand: fc.Arbitrary<Demand> = fc
  .uniqueArray(
    fc.record({
      variantId: fc.constantFrom(...VARIANTS, 'unknown'),
      quantity: fc.integer({ min: 1, max: 5 }),
    }),
    {
      selector: (line) => line.variantId,
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((lines) => ({ lines }));

const stock = fc.record(Object.fromEntries(VARIANTS.map((id) => [id, fc.nat({ max: 12 })])));

/** The rule told the slow way: one buyer at a time walks in and takes everything or leaves. */
function sellOneByOne(demands: readonly Demand[], shelf: Record<string, number>): boolean[] {
  return demands.map(({ lines }) => {
    if (!lines.every(({ variantId, quantity }) => (shelf[variantId] ?? 0) >= quantity)) return false;
    for (const { variantId, quantity } of lines) shelf[variantId] = (shelf[variantId] ?? 0) - quantity;
    return true;
  });
}

describe('allocate', () => {
  it('decides every queue of demands as one buyer after another would', () => {
    fc.assert(
      fc.property(fc.array(demand, { maxLength: 30 }), stock, (demands, available) => {
        const shelf = { ...available };
        const expected = sellOneByOne(demands, shelf);
        const { shortages, remaining } = allocate(demands, new Map(Object.entries(available)));
        expect(shortages.map((short) => short === null)).toEqual(expected);
        for (const id of VARIANTS) expect(remaining.get(id)).toBe(shelf[id]);
      }),
    );
  });

  it('never grants more than there is, and grants plus remainder is what there was', () => {
    fc.assert(
      fc.property(fc.array(demand, { maxLength: 30 }), stock, (demands, available) => {
        const { granted, remaining } = allocate(demands, new Map(Object.entries(available)));
        for (const id of VARIANTS) {
          expect(remaining.get(id)).toBeGreaterThanOrEqual(0);
          expect((granted.get(id) ?? 0) + (remaining.get(id) ?? 0)).toBe(available[id]);
        }
      }),
    );
  });

  it('names every short line with what was left of it', () => {
    const { shortages } = allocate(
      [
        { lines: [{ variantId: 'a', quantity: 2 }] },
        {
          lines: [
            { variantId: 'a', quantity: 2 },
            { variantId: 'b', quantity: 1 },
            { variantId: 'unknown', quantity: 1 },
          ],
        },
      ],
      new Map([
        ['a', 3],
        ['b', 1],
      ]),
    );
    expect(shortages).toEqual([
      null,
      [
        { variantId: 'a', requested: 2, available: 1 },
        { variantId: 'unknown', requested: 1, available: 0 },
      ],
    ]);
  });
});
