// @ts-check
// An ordinary day, for hours: readers, and a few who register and buy. `npm run load -- soak`
// What it looks for is rare: one lost request in ten thousand, a tail that grows.
import browse, { setup as setUpBrowsing } from './browse.js';
import checkout, { setup as setUpCheckout } from './checkout.js';
import { steadyArrivals } from '../lib/crowd-shape.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter, textParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { answeredWithin, errorShareMax, flawless, watched, withinObjectives } from '../lib/thresholds.js';

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
    ...watched(),
    // Hours without a fault may use no more than a tenth of what the objective allows.
    ...flawless(errorShareMax(OBJECTIVES) / 10),
    ...withinObjectives(OBJECTIVES),
    ...answeredWithin(OBJECTIVES, ['place_order']),
    'http_req_duration{scenario:readers}': [`p(99.9)<${numberParameter('P999_MS', 1_000)}`],
  },
  summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(95)', 'p(99.9)'],
};

export const handleSummary = reportOn('soak');

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
