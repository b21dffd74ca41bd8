import {
  CART_COOKIE,
  CartUnderTest,
  quantitiesOf,
  QUANTITY_MAX,
  tokenOf,
} from '../support/cart-under-test.js';

describe('the cart', () => {
  let carts: CartUnderTest;

  beforeAll(async () => {
    carts = await CartUnderTest.start();
  });

  afterAll(() => carts.close());

  describe('at log-in', () => {
    it('takes the guest’s lines into the user’s cart, once, and forgets the guest', async () => {
      const user = await carts.newUser();
      await carts.add(user, carts.variants[0], 3);
      const guest = await carts.newGuest(carts.variants[0] ?? '', carts.variants[1] ?? '');
      const guestLines = (await carts.show(guest)).body['lines'] as { id: string; variantId: string }[];

      const both = { token: user.token, cookie: guest.cart };
      const merged = await carts.show(both);
      expect(quantitiesOf(merged)).toEqual({ [carts.variants[0] ?? '']: 4, [carts.variants[1] ?? '']: 1 });
      expect(merged.body['merge']).toEqual({ mergedLines: 2, cappedLines: 0, droppedLines: 0 });
      expect(merged.headers.getSetCookie()[0]).toMatch(new RegExp(`^${CART_COOKIE}=; .*Max-Age=0`));
      // A page that showed the guest's cart can go on with its lines.
      expect((merged.body['lines'] as { id: string }[]).map(({ id }) => id)).toContain(guestLines[1]?.id);

      const again = await carts.show(both);
      expect(again.body).toEqual({ ...merged.body, merge: undefined });
      expect((await carts.show(guest)).body['lines']).toEqual([]);
    });

    it('merges once when the first requests of the user come together', async () => {
      const user = await carts.newUser();
      const guest = await carts.newGuest(
        carts.variants[0] ?? '',
        carts.variants[1] ?? '',
        carts.variants[2] ?? '',
      );
      const both = { token: user.token, cart: guest.cart };
      const answers = await Promise.all([
        ...Array.from({ length: 10 }, () => carts.show(both)),
        ...Array.from({ length: 10 }, () => carts.add(both, carts.variants[0])),
      ]);
      expect(answers.map(({ status }) => status).filter((status) => status >= 400)).toEqual([]);
      expect(answers.filter(({ body }) => body['merge'] !== undefined)).toHaveLength(1);
      expect(quantitiesOf(await carts.show(user))).toEqual({
        [carts.variants[0] ?? '']: 11,
        [carts.variants[1] ?? '']: 1,
        [carts.variants[2] ?? '']: 1,
      });
    });

    it('keeps to the limits and says what it cut', async () => {
      const user = await carts.newUser();
      await carts.add(user, carts.variants[0], QUANTITY_MAX - 1);
      for (const id of carts.variants.slice(1, 4)) await carts.add(user, id);
      const guest = await carts.newGuest();
      await carts.add(guest, carts.variants[0], 50);
      for (const id of carts.variants.slice(4, 7)) await carts.add(guest, id);

      const merged = await carts.show({ token: user.token, cart: guest.cart });
      expect(merged.body['merge']).toEqual({ mergedLines: 2, cappedLines: 1, droppedLines: 2 });
      expect(quantitiesOf(merged)).toEqual({
        [carts.variants[0] ?? '']: QUANTITY_MAX,
        ...Object.fromEntries(carts.variants.slice(1, 5).map((id) => [id, 1])),
      });
    });

    it('loses no line of a guest who goes on shopping meanwhile', async () => {
      const user = await carts.newUser();
      const guest = await carts.newGuest();
      const answers = await Promise.all([
        ...Array.from({ length: 20 }, () => carts.add(guest, carts.variants[0])),
        carts.show({ token: user.token, cart: guest.cart }),
      ]);
      const others = new Set(answers.map(tokenOf).filter((token) => token !== ''));
      let sum = quantitiesOf(await carts.show(user))[carts.variants[0] ?? ''] ?? 0;
      for (const cart of others)
        sum += quantitiesOf(await carts.show({ cart }))[carts.variants[0] ?? ''] ?? 0;
      expect(sum).toBe(21);
    });
  });
});
