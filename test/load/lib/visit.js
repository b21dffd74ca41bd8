// @ts-check
// What somebody does who comes to the shop: most read, one in BUY_SHARE registers and buys.
import browse, { setup as setUpBrowsing } from '../scenarios/browse.js';
import checkout, { setup as setUpCheckout } from '../scenarios/checkout.js';
import { numberParameter } from './parameters.js';

/** A registration costs a password hash, so the share decides what the processor works on. */
const BUY_SHARE = numberParameter('BUY_SHARE', 0.01);

/** @typedef {ReturnType<typeof setUpVisits>} VisitData */

/** For setup(). */
export function setUpVisits() {
  return { browsing: setUpBrowsing(), buying: setUpCheckout() };
}

/** @param {VisitData} data */
export function visit({ browsing, buying }) {
  if (Math.random() < BUY_SHARE) checkout(buying);
  else browse(browsing);
}
