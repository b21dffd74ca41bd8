// @ts-check
// An ordinary day, for hours: readers, and a few who register and buy. `npm run load -- soak`
// What it looks for is rare: one lost request in ten thousand, a tail that grows.
import browse, { setup as setUpBrowsing } from './browse.js';
import checkout, { setup as setUpCheckout } from './checkout.js';
import { flawless, steadyArrivals } from '../lib/crowd-shape.js';
import { numberParameter, textParameter } from '../lib/parameters.js';

const DURATION = textParameter('DURATION', '30m');

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    readers: steadyArrivals({
      rate: numberParameter('READ_RATE', 100),
      vus: 50,
      duration: DURATION,
      exec: 'read',
    }),
    buyers: steadyArrivals({
      rate: numberParameter('BUY_RATE', 2),
      vus: 30,
      duration: DURATION,
      exec: 'buy',
    }),
  },
  thresholds: {
    ...flawless(0.0001),
    'http_req_duration{scenario:readers}': [
      `p(95)<${numberParameter('P95_MS', 100)}`,
      `p(99.9)<${numberParameter('P999_MS', 1_000)}`,
    ],
    'http_req_duration{name:place_order}': [`p(95)<${numberParameter('ORDER_P95_MS', 300)}`],
  },
};

/** @returns {{ browsing: import('./browse.js').BrowseData, buying: import('./checkout.js').CheckoutData }} */
export function setup() {
  return { browsing: setUpBrowsing(), buying: setUpCheckout() };
}

/** @param {ReturnType<typeof setup>} data */
export function read({ browsing }) {
  browse(browsing);
}

/** @param {ReturnType<typeof setup>} data */
export function buy({ buying }) {
  checkout(buying);
}
