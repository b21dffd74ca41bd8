// @ts-check
/* global __ENV, open */
// Who the clients of a run are: addresses for everybody, tokens from `npm run load:buyers`.
import { SharedArray } from 'k6/data';
import { BUYER_ADDRESS_COUNT, buyerAddress } from '../../../scripts/load/buyer-address.mjs';
import { textParameter } from './parameters.js';

/**
 * Where this run's addresses begin. Chosen once in setup(), so that two runs in a row are two
 * crowds, and all virtual users of one run agree.
 *
 * @returns {number}
 */
export function chooseFirstAddress() {
  return Math.floor(Math.random() * BUYER_ADDRESS_COUNT);
}

/**
 * @param {number} firstAddress
 * @param {number} index of the visitor in this run
 * @returns {import('./shop.js').Client} somebody who is not signed in
 */
export function visitor(firstAddress, index) {
  return { address: buyerAddress(firstAddress + index) };
}

/**
 * The buyers of BUYERS_FILE, shared by all virtual users; call it in the init phase.
 *
 * @returns {{ id: string, token: string }[]}
 */
export function loadBuyers() {
  return new SharedArray('buyers', () => readBuyersFile().buyers);
}

/**
 * The administrator's token of BUYERS_FILE; call it in the init phase.
 *
 * @returns {string | null} null without such a file or an administrator in it
 */
export function findAdminToken() {
  if (!__ENV.BUYERS_FILE) return null;
  const [admin] = new SharedArray('administrator', () => [readBuyersFile().admin]);
  return admin?.token ?? null;
}

/**
 * @returns {{ expiresAt: string, buyers: { id: string, token: string }[],
 *   admin: { id: string, token: string } | null }}
 */
function readBuyersFile() {
  const file = textParameter('BUYERS_FILE', '');
  if (file === '') throw new Error('BUYERS_FILE is not set: run `npm run load:buyers -- 5000` first');
  const issued = JSON.parse(open(file));
  if (Date.parse(issued.expiresAt) < Date.now()) {
    throw new Error(`The tokens of ${file} have expired: run \`npm run load:buyers\` again`);
  }
  return issued;
}
