// The sale itself: every buyer arrives at a planned moment, tries to buy one unit, and pays for
// it at once when the shop says yes.
import { randomUUID } from 'node:crypto';
import { buyerAddress, BUYER_ADDRESS_COUNT } from '../load/buyer-address.mjs';

/** How often due arrivals are sent off; finer than any latency worth showing. */
const ARRIVAL_TICK_MS = 5;

/** So many refusals by a rate limit show that the run is pointless; stop and say why. */
const LIMITED_MAX = 25;

const SHIPPING_ADDRESS = {
  name: 'Demo Buyer',
  line1: '1 Riverside Walk',
  city: 'Lisbon',
  postalCode: '1100-148',
  country: 'PT',
};

/**
 * @typedef {object} SalePlan
 * @property {string} variantId
 * @property {import('../load/buyers.mjs').Buyer[]} buyers one per arrival
 * @property {number[]} arrivalsMs ascending
 * @property {number} patienceMs how long after the last arrival to wait for answers
 */

/**
 * Runs the sale and returns when every buyer has an answer, when patience ends, or when a rate
 * limit makes the run pointless. Buyers without an answer count as failed.
 *
 * @param {import('./shop-client.mjs').ShopClient} client
 * @param {SalePlan} plan
 * @param {import('./sale-tally.mjs').SaleTally} tally updated while the sale runs
 */
export async function runFlashSale(client, plan, tally) {
  const openedAt = performance.now();
  const elapsedMs = () => performance.now() - openedAt;
  // Another part of the address range each time: two demos in a row are two crowds.
  const firstAddress = Math.floor(Math.random() * BUYER_ADDRESS_COUNT);
  const visits = [];

  for (const [index, buyer] of plan.buyers.entries()) {
    const arrivedAtMs = plan.arrivalsMs[index];
    if (arrivedAtMs === undefined) break;
    while (elapsedMs() < arrivedAtMs) await pause(ARRIVAL_TICK_MS);
    if (tally.limited >= LIMITED_MAX) break;
    tally.recordArrival(arrivedAtMs);
    const clientAddress = buyerAddress(firstAddress + index);
    visits.push(
      visit(client, tally, {
        variantId: plan.variantId,
        token: buyer.token,
        clientAddress,
        arrivedAtMs,
        elapsedMs,
      }),
    );
  }

  await Promise.race([Promise.all(visits), pause(plan.patienceMs)]);
  const unanswered = tally.arrived - tally.answered;
  for (let i = 0; i < unanswered; i += 1) {
    tally.recordAnswer('failed', { atMs: elapsedMs(), latencyMs: plan.patienceMs });
    tally.recordProblem('no answer before the demo ended');
  }
}

/**
 * @param {import('./shop-client.mjs').ShopClient} client
 * @param {import('./sale-tally.mjs').SaleTally} tally
 * @param {{ variantId: string, token: string, clientAddress: string, arrivedAtMs: number,
 *   elapsedMs: () => number }} buyer
 */
async function visit(client, tally, { variantId, token, clientAddress, arrivedAtMs, elapsedMs }) {
  const order = await client.sendIdempotent({
    method: 'POST',
    path: '/orders',
    token,
    clientAddress,
    headers: { 'idempotency-key': randomUUID() },
    body: { lines: [{ variantId, quantity: 1 }], shippingAddress: SHIPPING_ADDRESS },
  });
  const atMs = elapsedMs();
  const outcome = outcomeOf(order);
  tally.recordAnswer(outcome, { atMs, latencyMs: atMs - arrivedAtMs });
  if (outcome === 'failed') tally.recordProblem(`order: ${String(order.status)} ${order.code}`.trim());
  if (outcome !== 'sold') return;

  const payment = await client.sendIdempotent({
    method: 'POST',
    path: `/orders/${order.body.id ?? ''}/payments`,
    token,
    clientAddress,
    headers: { 'idempotency-key': randomUUID() },
    body: { provider: 'test', token: 'tok_success' },
  });
  if (payment.status === 201) tally.recordPayment();
  else tally.recordProblem(`payment: ${String(payment.status)} ${payment.code}`.trim());
}

/**
 * Only "out of stock" is a refusal the sale is meant to give: any other 409 is a failure.
 *
 * @param {import('./shop-client.mjs').ShopAnswer} answer
 * @returns {import('./sale-tally.mjs').Outcome}
 */
function outcomeOf(answer) {
  if (answer.status === 201) return 'sold';
  if (answer.status === 409 && answer.code === 'ORDER_OUT_OF_STOCK') return 'turnedAway';
  if (answer.status === 429) return 'limited';
  return 'failed';
}

/** @param {number} durationMs */
function pause(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
