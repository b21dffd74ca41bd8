import type { ApiClient } from '../support/api-client.js';
import { ORDERS, OrdersUnderTest } from '../support/orders-under-test.js';
import type { Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

describe('orders that are placed', () => {
  let orders: OrdersUnderTest;
  let api: ApiClient;
  let shop: Shop;
  let buyer: Buyer;

  beforeAll(async () => {
    orders = await OrdersUnderTest.start();
    ({ api, shop } = orders);
  });

  beforeEach(async () => {
    buyer = await shop.createBuyer();
  });

  afterAll(() => orders.close());

  const order = (variantId: string, quantity = 1, key?: string, who: Buyer = buyer) =>
    orders.order(who, variantId, quantity, key);
  const pay = (orderId: string, token?: string, key?: string, who: Buyer = buyer) =>
    orders.pay(who, orderId, token, key);
  const cancel = (orderId: string) => api.post(`${ORDERS}/${orderId}/cancel`, { token: buyer.token });
  const chargesOf = (orderId: string) =>
    shop.rows<{ charge_count: number; refund_count: number }>(
      `SELECT c.charge_count, c.refund_count FROM test_provider_charges c
       JOIN payment_intents i ON i.id = c.intent_id WHERE i.order_id = $1`,
      [orderId],
    );

  describe('payment', () => {
    it('turns the order into a paid one and takes the units off the shelf', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId, 2);
      const payment = await pay(String(body.id), 'tok_success', 'pay-once');
      expect([payment.status, payment.body.orderStatus]).toEqual([201, 'paid']);
      const repeated = await pay(String(body.id), 'tok_success', 'pay-once');
      expect([repeated.status, repeated.text]).toEqual([201, payment.text]);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 3, reserved: 0 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 3, reserved: 0 });
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 0 }]);
      const again = await pay(String(body.id), 'tok_success', 'pay-twice');
      expect([again.status, again.body.code, again.body.orderStatus]).toEqual([
        409,
        'ORDER_NOT_PAYABLE',
        'paid',
      ]);
    });

    it('keeps the reservation when the card is declined, and another card may follow', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      const declined = await pay(String(body.id), 'tok_decline', 'first-card');
      expect([declined.status, declined.body.code]).toEqual([402, 'PAYMENT_DECLINED']);
      expect((await pay(String(body.id), 'tok_decline', 'first-card')).text).toBe(declined.text);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
      expect((await pay(String(body.id), 'tok_success', 'second-card')).status).toBe(201);
    });

    it('resumes the same intent when the answer of the provider was lost, and charges once', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      const lost = await pay(String(body.id), 'tok_timeout', 'resumed');
      expect([lost.status, lost.body.code]).toEqual([503, 'PAYMENT_PROVIDER_TIMEOUT']);
      expect(lost.headers.get('retry-after')).not.toBeNull();
      const rival = await pay(String(body.id), 'tok_success', 'another-key');
      expect(['PAYMENT_IN_PROGRESS', 'ORDER_NOT_PAYABLE']).toContain(rival.body.code);
      const resumed = await pay(String(body.id), 'tok_timeout', 'resumed');
      expect([resumed.status, resumed.body.orderStatus]).toEqual([201, 'paid']);
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 0 }]);
    });

    it('is finished by the reconciler when nobody comes back', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      await pay(String(body.id), 'tok_timeout', 'forgotten');
      await waitFor('the reconciler', async () => {
        const { body: present } = await api.get(`${ORDERS}/${String(body.id)}`, { token: buyer.token });
        return present.status === 'paid';
      });
      const late = await pay(String(body.id), 'tok_timeout', 'forgotten');
      expect(late.status).toBe(201);
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 0 }]);
    });

    it('that the provider never got is voided by the reconciler and can never charge later', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      // The state of a process that died between the commit of the intent and the call.
      await shop.rows(
        `INSERT INTO payment_intents (id, order_id, provider, amount_minor, currency, idempotency_key, request_fingerprint, updated_at)
         VALUES (gen_random_uuid(), $1, 'test', 1999, 'USD', 'died', '\\x00', now() - interval '1 hour')`,
        [body.id],
      );
      await waitFor('the reconciler', async () => {
        const [intent] = await shop.rows<{ status: string }>(
          'SELECT status FROM payment_intents WHERE order_id = $1',
          [body.id],
        );
        return intent?.status === 'declined';
      });
      expect((await pay(String(body.id), 'tok_success', 'next-attempt')).status).toBe(201);
      const charges = await chargesOf(String(body.id));
      expect(charges.reduce((sum, { charge_count }) => sum + charge_count, 0)).toBe(1);
    });

    it('that comes after the reservation has ended is refunded, and says so', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      await pay(String(body.id), 'tok_timeout', 'too-late');
      await shop.rows("UPDATE orders SET reserved_until = now() - interval '1 second' WHERE id = $1", [
        body.id,
      ]);
      // Either the sweeper or the reconciler comes first; the outcome must be one of two, and consistent.
      await waitFor('an outcome', async () => {
        const [row] = await shop.rows<{ status: string }>('SELECT status FROM orders WHERE id = $1', [
          body.id,
        ]);
        return row?.status !== 'pending_payment';
      });
      const answer = await pay(String(body.id), 'tok_timeout', 'too-late');
      const [stock, charges] = [await shop.stockOf(variantId), await chargesOf(String(body.id))];
      if (answer.status === 201) {
        expect([stock, charges]).toEqual([
          { onHand: 4, reserved: 0 },
          [{ charge_count: 1, refund_count: 0 }],
        ]);
      } else {
        expect(answer.body.code).toBe('PAYMENT_LATE_REFUNDED');
        expect([stock, charges]).toEqual([
          { onHand: 5, reserved: 0 },
          [{ charge_count: 1, refund_count: 1 }],
        ]);
      }
    });

    it('started twenty times at once charges once', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => pay(String(body.id), 'tok_success', `attempt-${String(i % 4)}`)),
      );
      expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
      expect(answers.some(({ status }) => status === 201)).toBe(true);
      const charges = await chargesOf(String(body.id));
      expect(charges.reduce((sum, { charge_count }) => sum + charge_count, 0)).toBe(1);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 4, reserved: 0 });
    });
  });

  describe('cancellation', () => {
    it('of an unpaid order gives the reservation back; doing it again changes nothing', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId, 3);
      for (let i = 0; i < 2; i += 1) {
        const answer = await cancel(String(body.id));
        expect([answer.status, answer.body.status]).toEqual([200, 'cancelled']);
      }
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect((await pay(String(body.id))).body.code).toBe('ORDER_NOT_PAYABLE');
    });

    it('of a paid order restocks and refunds', async () => {
      const variantId = await shop.createVariant(5);
      const { body } = await order(variantId, 2);
      await pay(String(body.id));
      const answer = await cancel(String(body.id));
      expect([answer.status, answer.body.status]).toEqual([200, 'refunded']);
      expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
      expect(await chargesOf(String(body.id))).toEqual([{ charge_count: 1, refund_count: 1 }]);
    });
  });

  it('expires an unpaid reservation and lets the units go', async () => {
    const variantId = await shop.createVariant(5);
    const { body } = await order(variantId, 2);
    await shop.rows("UPDATE orders SET reserved_until = now() - interval '1 second' WHERE id = $1", [
      body.id,
    ]);
    await waitFor('the sweeper', async () => (await shop.stockOf(variantId)).reserved === 0);
    expect(await shop.ledgerOf(variantId)).toEqual({ onHand: 5, reserved: 0 });
    // The write is not the buyer's own: a replica may tell of it a moment later.
    await waitFor('the expired order', async () => {
      const { body: seen } = await api.get(`${ORDERS}/${String(body.id)}`, { token: buyer.token });
      return seen.status === 'expired';
    });
    expect((await cancel(String(body.id))).body.code).toBe('ORDER_NOT_CANCELLABLE');
  });
});
