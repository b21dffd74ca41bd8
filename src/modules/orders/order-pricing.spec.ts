import fc from 'fast-check';
import { isCountable, priceOrder } from './order-pricing.js';

const line = fc.record({
  quantity: fc.integer({ min: 1, max: 100 }),
  unitPriceMinor: fc.integer({ min: 0, max: 100_000_000 }),
});

describe('the totals of an order', () => {
  it('are the sum of its lines, with nothing added or taken away', () => {
    const usd = (amount: number) => ({ amount, currency: 'USD' });
    expect(
      priceOrder(
        [
          { quantity: 2, unitPriceMinor: 1999 },
          { quantity: 1, unitPriceMinor: 1 },
        ],
        'USD',
      ),
    ).toEqual({ subtotal: usd(3999), discount: usd(0), shipping: usd(0), tax: usd(0), total: usd(3999) });
  });

  it('add up exactly, in whole minor units of one currency, in any order of the lines', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 50 }), (lines) => {
        const totals = priceOrder(lines, 'EUR');
        const exact = lines.reduce(
          (sum, { quantity, unitPriceMinor }) => sum + BigInt(quantity) * BigInt(unitPriceMinor),
          0n,
        );
        expect(BigInt(totals.subtotal.amount)).toBe(exact);
        expect(totals.total.amount).toBe(
          totals.subtotal.amount - totals.discount.amount + totals.shipping.amount + totals.tax.amount,
        );
        expect(
          new Set(
            Object.values(totals as object as Record<string, { currency: string }>).map(
              ({ currency }) => currency,
            ),
          ),
        ).toEqual(new Set(['EUR']));
        expect(priceOrder([...lines].reverse(), 'EUR')).toEqual(totals);
      }),
    );
  });

  it('are refused rather than rounded when they exceed what a number can count', () => {
    const lines = [{ quantity: 100_000, unitPriceMinor: 1_000_000_000_000 }];
    expect(isCountable(lines)).toBe(false);
    expect(() => priceOrder(lines, 'USD')).toThrow(RangeError);
  });
});
