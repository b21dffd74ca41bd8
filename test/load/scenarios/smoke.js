// @ts-check
// One buyer does everything once: is the shop whole? `npm run load -- smoke`
import { check, fail } from 'k6';
import { addToCart } from '../actions/add-to-cart.js';
import { listCategories } from '../actions/list-categories.js';
import { listProducts } from '../actions/list-products.js';
import { payOrder } from '../actions/pay-order.js';
import { placeOrder } from '../actions/place-order.js';
import { register } from '../actions/register.js';
import { viewCart } from '../actions/view-cart.js';
import { viewOrder } from '../actions/view-order.js';
import { viewProduct } from '../actions/view-product.js';
import { chooseFirstAddress, visitor } from '../lib/crowd.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { watched, withinObjectives } from '../lib/thresholds.js';

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    smoke: {
      executor: 'shared-iterations',
      vus: 1,
      iterations: numberParameter('ITERATIONS', 3),
      maxDuration: '1m',
    },
  },
  thresholds: {
    ...watched(),
    ...withinObjectives(OBJECTIVES),
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
  },
};

export const handleSummary = reportOn('smoke');

export default function smoke() {
  const guest = visitor(chooseFirstAddress(), 0);
  listCategories(guest);
  const product = listProducts(guest, { limit: 24 }).items.find(({ variants }) =>
    variants.some(({ available }) => available > 0),
  );
  const variant = product?.variants.find(({ available }) => available > 0);
  if (!product || !variant) fail('The first page of the catalogue has nothing in stock');

  const etag = viewProduct(guest, product.slug);
  viewProduct(guest, product.slug, { etag });

  const buyer = register(guest);
  if (!buyer) fail('Registration was refused');
  addToCart(buyer, { variantId: variant.id, quantity: 1 });
  viewCart(buyer);

  const order = placeOrder(buyer, { lines: [{ variantId: variant.id, quantity: 1 }] });
  check(order, { 'order is placed': ({ kind }) => kind === 'placed' });
  if (order.orderId && payOrder(buyer, order.orderId)) {
    const status = viewOrder(buyer, order.orderId);
    check(status, { 'order reads as paid at once': (text) => text === 'paid' });
  }
}
