// @ts-check
import { hasFailed, isRepeatable, summaryOf } from '../crowd.mjs';
import { books } from '../installation.mjs';

/**
 * @typedef {object} Stage
 * @property {import('../installation.mjs').Installation} installation
 * @property {import('../crowd.mjs').Crowd} crowd
 * @property {import('../../cache.mjs').Rehearsal} rehearsal
 */

/**
 * No request failed, of all or of those that may be repeated.
 *
 * @param {Stage} stage
 * @param {string} when
 * @param {readonly import('../crowd.mjs').Visit[]} visits
 * @param {{ all: boolean }} which
 */
export function goalNothingFailed({ rehearsal: { goal, say } }, when, visits, { all }) {
  say(`  ${when}: ${String(visits.length)} requests: ${summaryOf(visits)}`);
  const counted = visits.filter((visit) => all || isRepeatable(visit));
  const failed = counted.filter(hasFailed);
  goal(
    counted.length > 0 && failed.length === 0,
    `${when}: ${String(failed.length)} of ${String(counted.length)} requests${all ? '' : ' that may be repeated'} failed`,
  );
  for (const { kind, status, code, at, ms } of failed.slice(0, 5))
    say(`    ${kind} ${String(status)} ${code} at ${new Date(at).toISOString()} after ${String(ms)} ms`);
}

/** No order is there twice, none is missing, and the stock is what the ledger says. @param {Stage} stage @param {string} when */
export async function goalBooksAgree({ installation, crowd, rehearsal: { goal, say } }, when) {
  const { acknowledged, sent, found, total, keys, keyedOrders, unbalanced } = await books(
    installation,
    crowd.visits,
  );
  goal(
    found === acknowledged && acknowledged > 0,
    `${when}: ${String(found)} of ${String(acknowledged)} acknowledged orders are there`,
  );
  goal(
    total === keys && keys === keyedOrders && total <= sent,
    `${when}: ${String(total)} orders for ${String(keys)} keys that were answered 201: none twice`,
  );
  if (total > acknowledged) say(`    ${String(total - acknowledged)} orders whose answer was lost`);
  goal(unbalanced === 0, `${when}: the ledger equals the stock`);
}
