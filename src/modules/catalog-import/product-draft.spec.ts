import { draftProduct } from './product-draft.js';
import type { ProductRow, UnreadableRow } from './product-row.js';

const row = (line: number, cells: Partial<ProductRow> = {}): ProductRow => ({
  line,
  slug: 'mill',
  sku: `MILL-${String(line)}`,
  name: null,
  description: '',
  status: null,
  categoryPath: null,
  options: null,
  currency: 'USD',
  amountMinor: 1250,
  onHand: null,
  ...cells,
});
const head = (cells: Partial<ProductRow> = {}) =>
  row(2, { sku: 'MILL', name: 'Mill', amountMinor: 0, ...cells });
const unreadable = (line: number): UnreadableRow => ({ line, slug: 'mill', reason: 'it is broken' });

describe('draftProduct', () => {
  it('puts the rows of variants under the row of their product', () => {
    const { draft, refused } = draftProduct('mill', [
      head({ categoryPath: ['Kitchen'] }),
      row(3, { options: { Color: 'Red' }, onHand: 5 }),
      row(4, { onHand: 0 }),
    ]);
    expect(refused).toEqual([]);
    expect(draft?.product).toMatchObject({
      line: 2,
      name: 'Mill',
      status: 'active',
      categoryPath: ['Kitchen'],
    });
    expect(draft?.variants).toEqual([
      {
        sku: 'MILL-3',
        options: { Color: 'Red' },
        onHand: 5,
        prices: [{ currency: 'USD', amountMinor: 1250 }],
        lines: [3],
      },
      {
        sku: 'MILL-4',
        options: null,
        onHand: 0,
        prices: [{ currency: 'USD', amountMinor: 1250 }],
        lines: [4],
      },
    ]);
  });

  it('takes a product of a single row as its own variant', () => {
    const { draft } = draftProduct('mill', [head({ amountMinor: 990, onHand: 3 })]);
    expect(draft?.variants).toMatchObject([{ sku: 'MILL', onHand: 3, prices: [{ amountMinor: 990 }] }]);
  });

  it('takes the same SKU in another currency as a second price', () => {
    const { draft, refused } = draftProduct('mill', [
      head({ amountMinor: 990 }),
      row(3, { sku: 'MILL', currency: 'EUR', amountMinor: 890 }),
    ]);
    expect(refused).toEqual([]);
    expect(draft?.variants).toMatchObject([
      {
        sku: 'MILL',
        prices: [
          { currency: 'USD', amountMinor: 990 },
          { currency: 'EUR', amountMinor: 890 },
        ],
        lines: [2, 3],
      },
    ]);
  });

  it('leaves a product without variants when its row has no price and nothing follows', () => {
    expect(draftProduct('mill', [head()]).draft?.variants).toEqual([]);
  });

  it('holds variants and prices of a product that stands elsewhere', () => {
    const { draft } = draftProduct('mill', [row(90, { currency: 'EUR' })]);
    expect(draft).toMatchObject({
      product: null,
      variants: [{ sku: 'MILL-90', options: null, onHand: null }],
    });
  });

  it('gives a variant without a price the price of its product', () => {
    const { draft, refused } = draftProduct('mill', [
      head({ amountMinor: 700 }),
      row(3, { amountMinor: null }),
      row(4, { amountMinor: null, currency: 'EUR' }),
    ]);
    expect(draft?.variants).toMatchObject([{ sku: 'MILL-3', prices: [{ amountMinor: 700 }] }]);
    expect(refused).toEqual([{ line: 4, reason: 'price is empty' }]);
  });

  it('refuses a second, different price in the same currency and forgives the same one', () => {
    const { draft, refused } = draftProduct('mill', [
      head(),
      row(3, { sku: 'A' }),
      row(4, { sku: 'A' }),
      row(5, { sku: 'A', amountMinor: 1 }),
    ]);
    expect(draft?.variants).toHaveLength(1);
    expect(refused).toEqual([{ line: 5, reason: 'the SKU has another price in USD in line 3' }]);
  });

  it('refuses a variant with the SKU of a product that has variants', () => {
    const { refused } = draftProduct('mill', [head(), row(3), row(4, { sku: 'MILL' })]);
    expect(refused).toMatchObject([{ line: 4 }]);
  });

  it('lets a broken variant cost itself alone, and a broken product all of its rows', () => {
    const variant = draftProduct('mill', [head(), unreadable(3), row(4)]);
    expect(variant.draft?.variants).toHaveLength(1);
    expect(variant.refused).toEqual([{ line: 3, reason: 'it is broken' }]);

    const product = draftProduct('mill', [unreadable(2), row(3), row(4)]);
    expect(product.draft).toBeNull();
    expect(product.refused.map(({ line }) => line)).toEqual([2, 3, 4]);
  });
});
