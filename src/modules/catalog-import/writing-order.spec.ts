import type { ProductDraft } from './product-draft.js';
import { inWritingOrder } from './writing-order.js';

const draft = (line: number, isDescribed: boolean, prices: Record<string, number>): ProductDraft => ({
  slug: 'mill',
  line,
  product: isDescribed ? { line, name: 'Mill', description: '', status: 'active', categoryPath: null } : null,
  variants: [
    {
      sku: 'MILL',
      options: null,
      onHand: null,
      prices: Object.entries(prices).map(([currency, amountMinor]) => ({ currency, amountMinor })),
      lines: [line],
    },
  ],
});
const pricesOf = (drafts: readonly ProductDraft[]) =>
  inWritingOrder(drafts).map((part) =>
    part.map(({ line, variants }) => [line, ...variants.flatMap(({ prices }) => prices)]),
  );
const usd = { currency: 'USD', amountMinor: 1 };
const eur = { currency: 'EUR', amountMinor: 2 };

describe('the order in which a batch is written', () => {
  it('has products before the variants and prices of known ones', () => {
    expect(pricesOf([draft(2, false, { EUR: 2 }), draft(3, true, { USD: 1 })])).toEqual([
      [[3, usd]],
      [[2, eur]],
    ]);
  });

  it('lets the lower line of the file have the last word about a price', () => {
    expect(pricesOf([draft(2, false, { USD: 9, EUR: 2 }), draft(3, true, { USD: 1 })])).toEqual([
      [[3, usd]],
      [[2, eur]],
    ]);
    expect(pricesOf([draft(2, true, { USD: 9 }), draft(3, false, { USD: 1 })])).toEqual([
      [[2, { currency: 'USD', amountMinor: 9 }]],
      [[3, usd]],
    ]);
  });
});
