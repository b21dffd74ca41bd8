import fc from 'fast-check';
import type { VariantDetails } from '../catalog/index.js';
import { viewCart } from './cart-view.js';

const variant = (id: string, amount: number | null, isPublic = true): [string, VariantDetails] => [
  id,
  {
    id,
    sku: `SKU-${id}`,
    options: {},
    productId: `p-${id}`,
    productSlug: `product-${id}`,
    name: `Product ${id}`,
    isPublic,
    price: amount === null ? null : { amount, currency: 'USD' },
  },
];
const line = (variantId: string, quantity: number, available = 10) => ({
  id: `line-${variantId}`,
  variantId,
  quantity,
  available,
});
const cart = (...lines: ReturnType<typeof line>[]) => ({ id: 'cart', version: 3, lines });

describe('viewCart', () => {
  it('sums what the lines cost, exactly', () => {
    const amounts = fc.array(
      fc.record({ amount: fc.nat(1_000_000_000), quantity: fc.integer({ min: 1, max: 100 }) }),
      { maxLength: 50 },
    );
    fc.assert(
      fc.property(amounts, (rows) => {
        const view = viewCart(
          cart(...rows.map(({ quantity }, index) => line(String(index), quantity))),
          'USD',
          new Map(rows.map(({ amount }, index) => variant(String(index), amount))),
        );
        const sum = rows.reduce(
          (total, { amount, quantity }) => total + BigInt(amount) * BigInt(quantity),
          0n,
        );
        expect(BigInt(view.subtotal?.amount ?? -1)).toBe(sum);
      }),
    );
  });

  it('has no subtotal when a line has no price in the currency', () => {
    const view = viewCart(
      cart(line('a', 1), line('b', 2)),
      'USD',
      new Map([variant('a', 5), variant('b', null)]),
    );
    expect(view.subtotal).toBeNull();
    expect(view.lines.map(({ total }) => total?.amount ?? null)).toEqual([5, null]);
  });

  it('shows nothing as available of a product that is not on sale any more', () => {
    const view = viewCart(cart(line('a', 1)), 'USD', new Map([variant('a', 5, false)]));
    expect(view.lines[0]?.available).toBe(0);
  });

  it('leaves out a line whose variant has just been deleted', () => {
    const view = viewCart(cart(line('a', 1), line('b', 1)), 'USD', new Map([variant('b', 5)]));
    expect(view.lines.map(({ variantId }) => variantId)).toEqual(['b']);
    expect(view.subtotal).toEqual({ amount: 5, currency: 'USD' });
  });

  it('shows a cart that is not there as an empty one', () => {
    expect(viewCart(null, 'EUR', new Map())).toEqual({
      id: null,
      version: 0,
      currency: 'EUR',
      lines: [],
      subtotal: { amount: 0, currency: 'EUR' },
    });
  });
});
