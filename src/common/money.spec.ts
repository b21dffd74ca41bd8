import fc from 'fast-check';
import { isCurrencyCode, parseDecimalAmount, PRICE_AMOUNT_MINOR_MAX } from './money.js';

describe('parseDecimalAmount', () => {
  it.each([
    ['879.99', 'USD', 87_999],
    ['0.29', 'USD', 29],
    ['1.1', 'USD', 110],
    ['5', 'EUR', 500],
    [' 5.00 ', 'EUR', 500],
    ['5.000', 'EUR', 500],
    ['0', 'EUR', 0],
    ['980', 'JPY', 980],
    ['1.234', 'KWD', 1234],
    ['10000000000.00', 'USD', PRICE_AMOUNT_MINOR_MAX],
  ])('reads %s %s as %d minor units', (text, currency, amount) => {
    expect(parseDecimalAmount(text, currency)).toBe(amount);
  });

  it.each([
    ['', 'USD'],
    ['-1', 'USD'],
    ['+1', 'USD'],
    ['1,5', 'USD'],
    ['.5', 'USD'],
    ['5.', 'USD'],
    ['1e3', 'USD'],
    ['0x10', 'USD'],
    ['NaN', 'USD'],
    ['1.005', 'USD'],
    ['980.5', 'JPY'],
    ['1.2345', 'KWD'],
    ['10000000000.01', 'USD'],
    ['99999999999999', 'JPY'],
  ])('refuses "%s" as %s', (text, currency) => {
    expect(parseDecimalAmount(text, currency)).toBeNull();
  });

  it('never loses a cent to floating point', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: PRICE_AMOUNT_MINOR_MAX }),
        fc.constantFrom(['USD', 2] as const, ['JPY', 0] as const, ['KWD', 3] as const),
        (amount, [currency, exponent]) => {
          const digits = String(amount).padStart(exponent + 1, '0');
          const text = exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
          expect(parseDecimalAmount(text, currency)).toBe(amount);
        },
      ),
    );
  });
});

describe('isCurrencyCode', () => {
  it('takes three capital letters and nothing else', () => {
    expect(['USD', 'EUR'].every(isCurrencyCode)).toBe(true);
    expect(['usd', 'US', 'USDT', 'U$D', '', 'USD\n'].some(isCurrencyCode)).toBe(false);
  });
});
