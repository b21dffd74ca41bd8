// @ts-check
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { buyerAddress } from '../load/buyer-address.mjs';

const SHIPPING_ADDRESS = {
  name: 'Drill Buyer',
  line1: '1 Riverside Walk',
  city: 'Lisbon',
  postalCode: '1100-148',
  country: 'PT',
};

/**
 * An order that the shop has said yes to. Between the two times it was committed.
 *
 * @typedef {object} AcknowledgedOrder
 * @property {string} id
 * @property {number} sentAtMs
 * @property {number} acknowledgedAtMs
 * @property {number | null} paidAtMs when its payment was acknowledged
 */

/** Some buyers that order one unit after the other, pay every second one, and remember what they were told. */
export class BuyerCrowd {
  /** @type {AcknowledgedOrder[]} */
  orders = [];
  /** Answers other than a yes, by status and code. @type {Map<string, number>} */
  refusals = new Map();
  #isOver = false;
  /** @type {Promise<void>[]} */
  #visits = [];
  #client;
  #variantId;

  /**
   * @param {import('../demo/shop-client.mjs').ShopClient} client
   * @param {string} variantId
   */
  constructor(client, variantId) {
    this.#client = client;
    this.#variantId = variantId;
  }

  /**
   * @param {import('../load/buyers.mjs').Buyer[]} buyers each with one order at a time
   * @param {number} thinkMs
   */
  start(buyers, thinkMs) {
    this.#visits = buyers.map(async ({ token }, index) => {
      for (let visit = 0; !this.#isOver; visit += 1) {
        await this.#order(token, buyerAddress(index), visit % 2 === 0);
        await sleep(thinkMs);
      }
    });
  }

  async stop() {
    this.#isOver = true;
    await Promise.all(this.#visits);
  }

  /**
   * @param {string} token
   * @param {string} clientAddress
   * @param {boolean} pays
   * @returns {Promise<AcknowledgedOrder | null>}
   */
  async #order(token, clientAddress, pays) {
    const sentAtMs = Date.now();
    const answer = await this.#client.send({
      method: 'POST',
      path: '/orders',
      token,
      clientAddress,
      headers: { 'idempotency-key': randomUUID() },
      body: { lines: [{ variantId: this.#variantId, quantity: 1 }], shippingAddress: SHIPPING_ADDRESS },
    });
    const id = answer.body.id;
    if (answer.status !== 201 || id === undefined) {
      const what = `${String(answer.status)} ${answer.code}`;
      this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1);
      return null;
    }
    /** @type {AcknowledgedOrder} */
    const order = { id, sentAtMs, acknowledgedAtMs: Date.now(), paidAtMs: null };
    this.orders.push(order);
    if (!pays) return order;
    const payment = await this.#client.send({
      method: 'POST',
      path: `/orders/${id}/payments`,
      token,
      clientAddress,
      headers: { 'idempotency-key': randomUUID() },
      body: { provider: 'test', token: 'tok_success' },
    });
    if (payment.status === 201) order.paidAtMs = Date.now();
    return order;
  }

  /**
   * One order, for whoever wants to know whether the shop sells.
   *
   * @param {import('../load/buyers.mjs').Buyer} buyer
   */
  orderOnce({ token }) {
    return this.#order(token, buyerAddress(0), false);
  }
}
