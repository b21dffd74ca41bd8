import { newId } from '../../src/common/ids.js';
import { CART_COOKIE, CartUnderTest } from '../support/cart-under-test.js';

describe('the cart', () => {
  let carts: CartUnderTest;

  beforeAll(async () => {
    carts = await CartUnderTest.start();
  });

  afterAll(() => carts.close());

  describe('in a currency', () => {
    it('shows prices in the one that is asked for', async () => {
      const guest = await carts.newGuest();
      expect((await carts.show(guest, '?currency=EUR')).body).toMatchObject({
        currency: 'EUR',
        lines: [{ unitPrice: { amount: 900, currency: 'EUR' } }],
        subtotal: { amount: 900, currency: 'EUR' },
      });
    });

    it('shows a line without a price rather than a sum that is too small', async () => {
      const guest = await carts.newGuest(carts.variants[0] ?? '', carts.variants[7] ?? '');
      expect((await carts.show(guest, '?currency=EUR')).body).toMatchObject({
        lines: [{ total: { amount: 900 } }, { unitPrice: null, total: null }],
        subtotal: null,
      });
    });

    it('takes nothing in that it has no price for', async () => {
      const answer = await carts.add({}, carts.variants[7], 1, '?currency=EUR');
      expect([answer.status, answer.body['code']]).toEqual([422, 'CURRENCY_NOT_SUPPORTED']);
    });
  });

  describe('and bad input', () => {
    const VARIANT = () => carts.variants[0] ?? '';
    const ID = newId();

    it.each([
      [
        'a variant that does not exist',
        () => ({ variantId: newId(), quantity: 1 }),
        404,
        'VARIANT_NOT_FOUND',
      ],
      [
        'a variant that is not public',
        () => ({ variantId: carts.draft, quantity: 1 }),
        404,
        'VARIANT_NOT_FOUND',
      ],
      ['a malformed id', () => ({ variantId: 'x', quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['a number for an id', () => ({ variantId: 7, quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['an array for an id', () => ({ variantId: [VARIANT()], quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['no id', () => ({ quantity: 1 }), 400, 'VALIDATION_FAILED'],
      ['no quantity', () => ({ variantId: VARIANT() }), 400, 'VALIDATION_FAILED'],
      ['a quantity of zero', () => ({ variantId: VARIANT(), quantity: 0 }), 400, 'VALIDATION_FAILED'],
      ['a negative quantity', () => ({ variantId: VARIANT(), quantity: -1 }), 400, 'VALIDATION_FAILED'],
      ['a fraction', () => ({ variantId: VARIANT(), quantity: 1.5 }), 400, 'VALIDATION_FAILED'],
      ['a huge quantity', () => ({ variantId: VARIANT(), quantity: 1e300 }), 400, 'VALIDATION_FAILED'],
      [
        'a quantity past the limit',
        () => ({ variantId: VARIANT(), quantity: 201 }),
        409,
        'CART_LIMIT_EXCEEDED',
      ],
      ['text for a quantity', () => ({ variantId: VARIANT(), quantity: '1' }), 400, 'VALIDATION_FAILED'],
      ['null for a quantity', () => ({ variantId: VARIANT(), quantity: null }), 400, 'VALIDATION_FAILED'],
      ['an unknown field', () => ({ variantId: VARIANT(), quantity: 1, price: 1 }), 400, 'VALIDATION_FAILED'],
      ['a list', () => [], 400, 'VALIDATION_FAILED'],
      ['broken JSON', () => '{"variantId":', 400, 'REQUEST_MALFORMED'],
      ['a NUL character', () => '{"variantId":"\\u0000","quantity":1}', 400, 'REQUEST_MALFORMED'],
      ['__proto__', () => '{"__proto__":{"quantity":1}}', 400, 'REQUEST_MALFORMED'],
    ])('refuses to add %s', async (_, body, status, code) => {
      const before = await carts.cartCount();
      const answer = await carts.call('POST', '/lines', {}, body());
      expect([answer.status, answer.body['code']]).toEqual([status, code]);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(await carts.cartCount()).toBe(before);
    });

    it.each([
      ['PATCH', `/lines/${ID}`, { quantity: 1 }, 404, 'CART_LINE_NOT_FOUND'],
      ['PATCH', '/lines/x', { quantity: 1 }, 404, 'CART_LINE_NOT_FOUND'],
      ['PATCH', `/lines/${ID}`, { quantity: 0 }, 400, 'VALIDATION_FAILED'],
      ['PATCH', `/lines/${ID}`, { quantity: 100_001 }, 400, 'VALIDATION_FAILED'],
      ['PATCH', `/lines/${ID}`, { quantity: 201 }, 409, 'CART_LIMIT_EXCEEDED'],
      ['PATCH', `/lines/${ID}`, {}, 400, 'VALIDATION_FAILED'],
      ['PATCH', `/lines/${ID}`, undefined, 400, 'VALIDATION_FAILED'],
      ['DELETE', `/lines/${ID}`, undefined, 404, 'CART_LINE_NOT_FOUND'],
      ['DELETE', `/lines/${encodeURIComponent("' OR 1=1 --")}`, undefined, 404, 'CART_LINE_NOT_FOUND'],
      ['GET', '?currency=usd', undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '?currency=USD&currency=EUR', undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '?currency=', undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '?colour=red', undefined, 400, 'VALIDATION_FAILED'],
    ])('answers %s %s %j with %i %s', async (method, path, body, status, code) => {
      const guest = await carts.newGuest();
      const answer = await carts.call(method, path, guest, body);
      expect([answer.status, answer.body['code']]).toEqual([status, code]);
    });

    it.each(['', 'x', 'A'.repeat(500), '../../etc', 'é'])('takes the token %j for none', async (token) => {
      const answer = await carts.api.get('/api/v1/cart', {
        headers: { cookie: `${CART_COOKIE}=${encodeURIComponent(token)}` },
      });
      expect([answer.status, answer.body['id']]).toEqual([200, null]);
    });

    it('refuses an access token that is not valid rather than showing a guest’s cart', async () => {
      const answer = await carts.show({ token: 'a.b.c', cart: (await carts.newGuest()).cart });
      expect([answer.status, answer.body['code']]).toEqual([401, 'ACCESS_TOKEN_INVALID']);
    });
  });
});
