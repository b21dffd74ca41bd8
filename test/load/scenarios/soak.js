// @ts-check
// An ordinary day, for hours: readers, and a few who register and buy. `npm run load -- soak`
// What it looks for is rare: one lost request in ten thousand, a tail that grows.
import browse, { setup as setUpBrowsing } from './browse.js';
import checkout, { setup as setUpCheckout } from './checkout.js';
import { numberParameter, textParameter } from '../lib/parameters.js';

const DURATION = textParameter('DURATION', '30m');

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    readers: {
      executor: 'constant-arrival-rate',
      exec: 'read',
      rate: numberParameter('READ_RATE', 100),
      timeUnit: '1s',
      duration: DURATION,
      preAllocatedVUs: 50,
      maxVUs: 50,
    },
    buyers: {
      executor: 'constant-arrival-rate',
      exec: 'buy',
      rate: numberParameter('BUY_RATE', 2),
      timeUnit: '1s',
      duration: DURATION,
      preAllocatedVUs: 30,
      maxVUs: 30,
    },
  },
  thresholds: {
    http_req_failed: ['rate<0.0001'],
    checks: ['rate>0.9999'],
    dropped_iterations: ['count==0'],
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
