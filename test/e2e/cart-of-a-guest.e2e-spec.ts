import { createHash } from 'node:crypto';
import { newId } from '../../src/common/ids.js';
import { CartRepository } from '../../src/modules/cart/index.js';
import { CART_COOKIE, CartUnderTest, quantitiesOf, tokenOf } from '../support/cart-under-test.js';

describe('the cart', () => {
  let carts: CartUnderTest;

  beforeAll(async () => {
    carts = await CartUnderTest.start();
  });

  afterAll(() => carts.close());

  describe('of a guest', () => {
    it('is empty and not stored until something is put in', async () => {
      const before = await carts.cartCount();
      const answer = await carts.show({});
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        id: null,
        version: 0,
        currency: 'USD',
        lines: [],
        subtotal: { amount: 0, currency: 'USD' },
      });
      expect(answer.headers.get('etag')).toBe('"v0"');
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(await carts.cartCount()).toBe(before);
    });

    it('is made by the first line and found again by header or cookie', async () => {
      const added = await carts.add({}, carts.variants[0], 2);
      expect(added.status).toBe(201);
      expect(added.headers.get('etag')).toBe('"v1"');
      expect(added.body).toEqual({
        id: expect.any(String) as string,
        version: 1,
        currency: 'USD',
        lines: [
          {
            id: expect.any(String) as string,
            variantId: carts.variants[0],
            sku: 'MUG-0',
            name: 'Mug',
            options: { No: 'MUG-0' },
            quantity: 2,
            unitPrice: { amount: 1000, currency: 'USD' },
            total: { amount: 2000, currency: 'USD' },
            available: 100,
          },
        ],
        subtotal: { amount: 2000, currency: 'USD' },
      });
      const token = tokenOf(added);
      expect(Buffer.from(token, 'base64url')).toHaveLength(32);
      const [cookie = ''] = added.headers.getSetCookie();
      expect(cookie).toContain(`${CART_COOKIE}=${token}; `);
      for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/', 'Max-Age=2592000']) {
        expect(cookie).toContain(attribute);
      }
      expect(cookie).not.toContain('Domain');
      expect((await carts.show({ cart: token })).body).toEqual(added.body);
      expect((await carts.show({ cookie: token })).body).toEqual(added.body);
    });

    it('is stored under the hash of its token alone', async () => {
      const { cart } = await carts.newGuest();
      const rows = await carts.shop.rows('SELECT guest_token_hash FROM carts WHERE guest_token_hash = $1', [
        createHash('sha256').update(cart).digest(),
      ]);
      expect(rows).toHaveLength(1);
      const dump = await carts.shop.rows<{ text: string }>('SELECT c::text AS text FROM carts c');
      expect(dump.some(({ text }) => text.includes(cart))).toBe(false);
    });

    it('changes and removes lines', async () => {
      const guest = await carts.newGuest(carts.variants[0] ?? '', carts.variants[1] ?? '');
      const lines = (await carts.show(guest)).body['lines'] as { id: string }[];
      const changed = await carts.call('PATCH', `/lines/${lines[0]?.id ?? ''}`, guest, { quantity: 7 });
      expect(changed.status).toBe(200);
      expect(changed.headers.get('etag')).toBe('"v3"');
      expect(quantitiesOf(changed)).toEqual({ [carts.variants[0] ?? '']: 7, [carts.variants[1] ?? '']: 1 });
      const removed = await carts.call('DELETE', `/lines/${lines[0]?.id ?? ''}`, guest);
      expect(removed.status).toBe(200);
      expect(quantitiesOf(removed)).toEqual({ [carts.variants[1] ?? '']: 1 });
      expect(removed.body['subtotal']).toEqual({ amount: 1000, currency: 'USD' });
      expect((await carts.show(guest)).body).toEqual(removed.body);
    });

    it('never takes over a token that the client made up', async () => {
      const made = 'A'.repeat(43);
      const added = await carts.add({ cart: made }, carts.variants[0]);
      expect(added.status).toBe(201);
      expect(tokenOf(added)).not.toBe(made);
      expect(tokenOf(added)).toHaveLength(43);
      expect((await carts.show({ cart: made })).body['lines']).toEqual([]);
    });

    it('is out of reach for other guests', async () => {
      const mine = await carts.newGuest();
      const theirs = await carts.newGuest();
      const lineId = ((await carts.show(mine)).body['lines'] as { id: string }[])[0]?.id ?? '';
      for (const answer of [
        await carts.call('PATCH', `/lines/${lineId}`, theirs, { quantity: 9 }),
        await carts.call('DELETE', `/lines/${lineId}`, theirs),
        await carts.call('DELETE', `/lines/${lineId}`, {}),
      ]) {
        expect(answer.status).toBe(404);
        expect(answer.body['code']).toBe('CART_LINE_NOT_FOUND');
      }
      expect(quantitiesOf(await carts.show(mine))).toEqual({ [carts.variants[0] ?? '']: 1 });
    });

    it('ends a month after the last write, and the janitor removes what has ended in bounded steps', async () => {
      const guests = [await carts.newGuest(), await carts.newGuest(), await carts.newGuest()];
      const alive = await carts.newGuest();
      const hashes = guests.map(({ cart }) => createHash('sha256').update(cart).digest());
      await carts.shop.rows(
        "UPDATE carts SET expires_at = now() - interval '1 s' WHERE guest_token_hash = ANY($1)",
        [hashes],
      );
      const [first = { cart: '' }] = guests;
      expect((await carts.show(first)).body['lines']).toEqual([]);
      const again = await carts.add(first, carts.variants[0]);
      expect(tokenOf(again)).not.toBe('');
      expect(tokenOf(again)).not.toBe(first.cart);

      const janitor = carts.app.app.get(CartRepository, { strict: false });
      expect(await janitor.removeExpired(2)).toBe(2);
      expect(await janitor.removeExpired(2)).toBe(1);
      expect(await janitor.removeExpired(2)).toBe(0);
      expect(quantitiesOf(await carts.show(alive))).toEqual({ [carts.variants[0] ?? '']: 1 });
    });
  });

  it('refuses a cookie write from a foreign site', async () => {
    const { cart } = await carts.newGuest();
    const from = (origin: string) =>
      carts.call(
        'POST',
        '/lines',
        { cookie: cart },
        { variantId: carts.variants[0], quantity: 1 },
        { origin },
      );
    const foreign = await from('https://evil.example');
    expect([foreign.status, foreign.body['code']]).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
    expect((await from('https://shop.example')).status).toBe(201);
    expect(quantitiesOf(await carts.show({ cart }))).toEqual({ [carts.variants[0] ?? '']: 2 });
  });

  it('lets the pages of the shop change lines and read the token (CORS)', async () => {
    const preflight = await carts.call('OPTIONS', `/lines/${newId()}`, {}, undefined, {
      origin: 'https://shop.example',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'cart-token,content-type',
    });
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('cart-token');
  });
});
