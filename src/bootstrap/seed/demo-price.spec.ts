import fc from 'fast-check';
import { DEMO_CURRENCIES, type DemoCurrency, demoPrice } from './demo-price.js';

describe('demoPrice', () => {
  it.each<[number, DemoCurrency, number]>([
    [2000, 'USD', 1999],
    [1948, 'USD', 1899],
    [26_100, 'USD', 25_999],
    [2000, 'EUR', 1799],
    [2000, 'BRL', 10_990],
    [2000, 'MXN', 36_900],
    [2000, 'COP', 8_190_000],
    [2000, 'JPY', 2980],
    [1, 'JPY', 80],
    [1, 'USD', 99],
  ])('tags %i US cents in %s with %i', (usdCents, currency, amount) => {
    expect(demoPrice(usdCents, currency)).toEqual({ amount, currency });
  });

  it('is a positive whole amount near the exact one, in every currency', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.constantFrom(...DEMO_CURRENCIES),
        (cents, currency) => {
          const { amount } = demoPrice(cents, currency);
          expect(Number.isSafeInteger(amount) && amount > 0).toBe(true);
          const again = demoPrice(cents + 100_000, currency).amount;
          expect(again).toBeGreaterThan(amount);
        },
      ),
    );
  });
});
