import { OptimizedHealthService } from '../../src/core/health/optimized-health.service.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import type { ApiAnswer } from '../support/api-client.js';
import { CartUnderTest, LINES_MAX, quantitiesOf, QUANTITY_MAX } from '../support/cart-under-test.js';

describe('the cart', () => {
  let carts: CartUnderTest;

  beforeAll(async () => {
    carts = await CartUnderTest.start();
  });

  afterAll(() => carts.close());

  describe('in parallel', () => {
    it('sums 100 adds of one variant exactly', async () => {
      const user = await carts.newUser();
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => carts.add(user, carts.variants[0])),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      const cart = await carts.show(user);
      expect(quantitiesOf(cart)).toEqual({ [carts.variants[0] ?? '']: 100 });
      expect(cart.body['version']).toBe(100);
      // Each answer is a cart that really was: 100 different ones.
      expect(new Set(answers.map((answer) => quantitiesOf(answer)[carts.variants[0] ?? ''])).size).toBe(100);
    });

    it('holds the limits of lines and quantity', async () => {
      const guest = await carts.newGuest();
      const wide = await Promise.all(
        carts.variants.flatMap((id) => [carts.add(guest, id), carts.add(guest, id)]),
      );
      expect(Object.keys(quantitiesOf(await carts.show(guest)))).toHaveLength(LINES_MAX);
      expect(wide.filter(({ status }) => status === 409)).toHaveLength(
        2 * (carts.variants.length - LINES_MAX),
      );

      const user = await carts.newUser();
      const high = await Promise.all(Array.from({ length: 30 }, () => carts.add(user, carts.variants[1], 9)));
      expect(quantitiesOf(await carts.show(user))).toEqual({ [carts.variants[1] ?? '']: 198 });
      const refused = high.filter(({ status }) => status !== 201);
      expect(refused).toHaveLength(8);
      expect(refused[0]?.body).toMatchObject({
        code: 'CART_LIMIT_EXCEEDED',
        linesMax: LINES_MAX,
        quantityMax: QUANTITY_MAX,
      });
    });

    it('agrees with a plain sum, whatever adds, changes and removals meet', async () => {
      const user = await carts.newUser();
      await carts.add(user, carts.variants[0]);
      const lineId = ((await carts.show(user)).body['lines'] as { id: string }[])[0]?.id ?? '';
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          index % 3 === 0
            ? carts.call('PATCH', `/lines/${lineId}`, user, { quantity: 1 })
            : carts.add(user, carts.variants[index % 3], 1),
        ),
      );
      // Versions order the writes: replaying them in that order must lead from each cart to the next.
      const byVersion = answers
        .filter(({ status }) => status < 300)
        .sort((a, b) => Number(a.body['version']) - Number(b.body['version']));
      expect(byVersion).toHaveLength(60);
      expect(byVersion.map(({ body }) => body['version'] as number)).toEqual(
        Array.from({ length: 60 }, (_, index) => index + 2),
      );
      expect((await carts.show(user)).body).toEqual(byVersion.at(-1)?.body);
      expect(quantitiesOf(await carts.show(user))[carts.variants[2] ?? '']).toBe(20);
    });
  });

  describe('and its version', () => {
    it('refuses a write that was decided on an older cart and leaves the cart alone', async () => {
      const guest = await carts.newGuest();
      const lineId = ((await carts.show(guest)).body['lines'] as { id: string }[])[0]?.id ?? '';
      const write = (etag: string) =>
        carts.call('PATCH', `/lines/${lineId}`, guest, { quantity: 5 }, { 'if-match': etag });
      expect((await write('"v1"')).status).toBe(200);
      for (const stale of ['"v1"', '"v3"', 'W/"v2"', '*', 'v2', '"nonsense"']) {
        const answer = await write(stale);
        expect([answer.status, answer.body['code']]).toEqual([412, 'PRECONDITION_FAILED']);
      }
      expect((await carts.show(guest)).body['version']).toBe(2);
      expect((await write('"v2"')).status).toBe(200);
    });

    it('lets exactly one of several writers with the same version through', async () => {
      const user = await carts.newUser();
      await carts.add(user, carts.variants[0]);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          carts.call(
            'POST',
            '/lines',
            user,
            { variantId: carts.variants[1], quantity: 1 },
            { 'if-match': '"v1"' },
          ),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(412)]);
    });

    it('counts the cart that is not there yet as version 0', async () => {
      const user = await carts.newUser();
      const line = { variantId: carts.variants[0], quantity: 1 };
      expect((await carts.call('POST', '/lines', user, line, { 'if-match': '"v1"' })).status).toBe(412);
      expect((await carts.show(user)).body['id']).toBeNull();
      expect((await carts.call('POST', '/lines', user, line, { 'if-match': '"v0"' })).status).toBe(201);
    });
  });

  it('asks the database little', async () => {
    const user = await carts.newUser();
    await carts.add(user, carts.variants[0]);
    // What the checks of every 5 s ask would be counted, too: none begins from here on, and the last has ended.
    const health = carts.app.app.get(OptimizedHealthService);
    health.onModuleDestroy();
    await health.refresh();
    const statements = async (work: () => Promise<ApiAnswer>) => {
      const count = async () => {
        const text = await carts.app.app.get(Metrics).registry.metrics();
        const counts = [...text.matchAll(/^database_statements_total\{.*\} (\d+)$/gm)];
        return counts.reduce((sum, [, value]) => sum + Number(value), 0);
      };
      const before = await count();
      expect((await work()).status).toBeLessThan(300);
      return (await count()) - before;
    };
    // The cart with its lines and what is left of each; then names and prices.
    expect(await statements(() => carts.show(user))).toBe(2);
    // The variant; BEGIN, the cart, the line, COMMIT. One more for the other variants of the cart.
    expect(await statements(() => carts.add(user, carts.variants[0]))).toBe(5);
    expect(await statements(() => carts.add(user, carts.variants[1]))).toBe(6);
  });
});
