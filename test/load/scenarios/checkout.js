// @ts-check
// New customers register, fill a cart, order and pay. `npm run load -- checkout`
// The rate is small on purpose: a registration costs a password hash.
import exec from 'k6/execution';
import { check } from 'k6';
import { addToCart } from '../actions/add-to-cart.js';
import { listCatalogue } from '../actions/list-products.js';
import { payOrder } from '../actions/pay-order.js';
import { placeOrder } from '../actions/place-order.js';
import { register } from '../actions/register.js';
import { viewCart } from '../actions/view-cart.js';
import { viewProduct } from '../actions/view-product.js';
import { chooseFirstAddress, visitor } from '../lib/crowd.js';
import { steadyArrivals } from '../lib/crowd-shape.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { answeredWithin, errorShareMax, flawless, watched, withinObjectives } from '../lib/thresholds.js';

const RATE = numberParameter('RATE', 5);
const VUS = numberParameter('VUS', 50);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: { checkout: steadyArrivals({ rate: RATE, vus: VUS }) },
  thresholds: {
    ...watched(),
    ...flawless(errorShareMax(OBJECTIVES)),
    ...withinObjectives(OBJECTIVES),
    ...answeredWithin(OBJECTIVES, ['place_order', 'pay_order']),
  },
};

export const handleSummary = reportOn('checkout');

/**
 * @typedef {object} CheckoutData
 * @property {number} firstAddress
 * @property {{ slug: string, variantId: string }[]} products in stock when the run began
 */

/** @returns {CheckoutData} */
export function setup() {
  const firstAddress = chooseFirstAddress();
  const products = listCatalogue(visitor(firstAddress, 0), 200).flatMap(({ slug, variants }) =>
    variants.filter(({ available }) => available >= 10).map(({ id }) => ({ slug, variantId: id })),
  );
  if (products.length === 0) throw new Error('Nothing in the catalogue has ten units in stock');
  return { firstAddress, products };
}

/** @param {CheckoutData} data */
export default function checkout({ firstAddress, products }) {
  const index = exec.scenario.iterationInTest;
  const product = products[index % products.length];
  const buyer = register(visitor(firstAddress, index));
  if (!product || !buyer) return;

  viewProduct(buyer, product.slug);
  addToCart(buyer, { variantId: product.variantId, quantity: 1 });
  const cartId = viewCart(buyer);
  const order = placeOrder(
    buyer,
    cartId ? { cartId } : { lines: [{ variantId: product.variantId, quantity: 1 }] },
  );
  // A long run empties a shelf: that is the buyer's bad luck and no fault of the shop.
  check(order, { 'order is answered': ({ kind }) => kind !== 'unexpected' });
  if (order.orderId) payOrder(buyer, order.orderId);
}
