// @ts-check
/* global __ENV */
// Thousands of buyers, one hot variant with STOCK units. Needs `npm run load:buyers -- 5000` and a
// server with TRUST_PROXY_HOPS=1. `npm run load -- flash-sale`
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { openSale, readUnitsLeft, readUnitsSold, signInAsAdmin } from '../actions/administer-stock.js';
import { payOrder } from '../actions/pay-order.js';
import { placeOrder } from '../actions/place-order.js';
import { viewProduct } from '../actions/view-product.js';
import { chooseFirstAddress, findAdminToken, loadBuyers, visitor } from '../lib/crowd.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter, textParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { answeredWithin, unavailableShareMax, watched, withoutErrors } from '../lib/thresholds.js';

const STOCK = numberParameter('STOCK', 100);
const RATE = numberParameter('RATE', 500);
const VUS = numberParameter('VUS', 600);

const buyers = loadBuyers();
const adminToken = findAdminToken();

/** Buyers who were told yes, and buyers who were told that nothing is left. */
const ordersPlaced = new Counter('orders_placed');
const ordersRefused = new Counter('orders_out_of_stock');
/** Everything else: 429, 5xx, another 409, no answer at all. */
const unexpectedAnswers = new Counter('unexpected_answers');
/** What the shop itself says at the end, by its ledger and by its stock. */
const unitsSold = new Counter('units_sold');
const unitsLeft = new Counter('units_left');
/** Units the buyers were promised plus, from teardown(), units the shop still has: the stock. */
const unitsAccounted = new Counter('units_accounted');

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    // Open model: the doors open and buyers come at this rate, however slow the answers are.
    flash_sale: {
      executor: 'ramping-arrival-rate',
      startRate: RATE,
      timeUnit: '1s',
      stages: [
        { target: RATE, duration: textParameter('RUSH', '8s') },
        { target: Math.ceil(RATE / 5), duration: textParameter('CALM', '4s') },
      ],
      preAllocatedVUs: VUS,
      maxVUs: VUS,
    },
  },
  thresholds: {
    ...watched(),
    ...answeredWithin(OBJECTIVES, ['place_order']),
    ...withoutErrors(OBJECTIVES),
    unexpected_answers: ['count==0'],
    dropped_iterations: ['count==0'],
    units_accounted: [`count==${STOCK}`],
    // A page that is shed is looked at again; every order and payment counts above.
    checks: [`rate>=${1 - unavailableShareMax(OBJECTIVES)}`],
  },
  setupTimeout: '60s',
  teardownTimeout: '120s',
};

export const handleSummary = reportOn('flash-sale');

/**
 * @typedef {object} SaleData
 * @property {number} firstAddress
 * @property {string} variantId
 * @property {string} slug
 * @property {string} adminToken of an administrator, for teardown()
 */

/** @returns {SaleData} */
export function setup() {
  const firstAddress = chooseFirstAddress();
  const admin = administrator(firstAddress);
  // Named by whoever watches its SKU, LOAD-…, from before it exists.
  const runId = textParameter('RUN_ID', Date.now().toString(36));
  const { variantId, slug } = openSale(admin, { runId, stock: STOCK });
  return { firstAddress, variantId, slug, adminToken: admin.token ?? '' };
}

/** @param {SaleData} data */
export default function buyOneUnit({ firstAddress, variantId, slug }) {
  const index = exec.scenario.iterationInTest;
  const account = buyers[index % buyers.length];
  if (!account) return;
  const buyer = { ...visitor(firstAddress, index + 1), token: account.token };

  viewProduct(buyer, slug);
  const order = placeOrder(buyer, { lines: [{ variantId, quantity: 1 }] });
  if (order.kind === 'placed') {
    ordersPlaced.add(1);
    unitsAccounted.add(1);
    if (!payOrder(buyer, order.orderId ?? '')) unexpectedAnswers.add(1, { answer: 'payment' });
  } else if (order.kind === 'out_of_stock') {
    ordersRefused.add(1);
  } else {
    unexpectedAnswers.add(1, { answer: order.detail });
  }
}

/** @param {SaleData} data */
export function teardown({ firstAddress, variantId, adminToken: token }) {
  const admin = { ...visitor(firstAddress, 0), token };
  const left = readUnitsLeft(admin, variantId);
  const sold = readUnitsSold(admin, variantId);
  unitsAccounted.add(left);
  unitsLeft.add(left);
  unitsSold.add(sold);
  if (sold + left !== STOCK || left < 0) {
    exec.test.fail(`sold ${sold} + left ${left} is not the stock of ${STOCK}`);
  }
}

/**
 * @param {number} firstAddress
 * @returns {import('../lib/shop.js').Client}
 */
function administrator(firstAddress) {
  const client = visitor(firstAddress, 0);
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = __ENV;
  if (email && password) return signInAsAdmin(client, { email, password });
  if (adminToken) return { ...client, token: adminToken };
  throw new Error('No administrator: set ADMIN_EMAIL and ADMIN_PASSWORD, or run load:buyers again');
}
