// @ts-check
// What a run must keep to. The figures are those of deployment/monitoring/slo.json, passed as an argument.
import { numberParameter } from './parameters.js';

/**
 * @typedef {object} Objectives the part of slo.json that a load test can see
 * @property {{ availability: { target: number },
 *   latency: { target: number, thresholdSeconds: number }, errors: { target: number } }} objectives
 * @property {{ requestsPerMinute: number }} throughput
 */

/** @typedef {Record<string, string[]>} Thresholds */

/** The `name` tags of the actions. */
const ACTIONS = [
  'list_categories',
  'list_products',
  'view_product',
  'register',
  'add_to_cart',
  'view_cart',
  'place_order',
  'pay_order',
  'view_order',
];

/** 1 - 0.999 is not 0.001 to a computer. */
const rounded = (/** @type {number} */ value) => Number(value.toFixed(6));

/**
 * @param {Objectives} slo
 * @returns {number} the share of answers that may be bad before the availability objective is missed;
 *   UNAVAILABLE_SHARE overrides it where other programs take the processor and the shop rightly sheds
 */
export function unavailableShareMax({ objectives }) {
  return numberParameter('UNAVAILABLE_SHARE', rounded(1 - objectives.availability.target));
}

/**
 * @param {Objectives} slo
 * @returns {number} the share of answers that may be failures which no refusal explains
 */
export function errorShareMax({ objectives }) {
  return rounded(1 - objectives.errors.target);
}

/**
 * @param {Objectives} slo
 * @returns {number} milliseconds within which the objective's share of answers has to come; P95_MS overrides
 *   it where the machine is shared and latency says nothing
 */
export function latencyLimitMs({ objectives }) {
  return numberParameter('P95_MS', rounded(objectives.latency.thresholdSeconds * 1_000));
}

/**
 * @param {Objectives} slo
 * @returns {string} the percentile that the latency objective is about, in the words of k6
 */
export function latencyPercentile({ objectives }) {
  return `p(${rounded(objectives.latency.target * 100)})`;
}

/**
 * @param {Objectives} slo
 * @returns {number} requests each second that have to be answered before any may be shed
 */
export function requestsPerSecond({ throughput }) {
  return throughput.requestsPerMinute / 60;
}

/**
 * Every action answers within the latency objective.
 *
 * @param {Objectives} slo
 * @param {string[]} names of actions
 * @returns {Thresholds}
 */
export function answeredWithin(slo, names) {
  return Object.fromEntries(names.map((name) => [`http_req_duration{name:${name}}`, [latencyRule(slo)]]));
}

/**
 * All three objectives, for the whole run or for one of its crowds.
 *
 * @param {Objectives} slo
 * @param {string} [crowd] a scenario of k6
 * @returns {Thresholds}
 */
export function withinObjectives(slo, crowd) {
  const of = selector(crowd);
  return {
    [`http_req_duration${of}`]: [latencyRule(slo)],
    [`slo_unavailable${of}`]: [`rate<${unavailableShareMax(slo)}`],
    [`dropped_iterations${of}`]: ['count==0'],
    ...withoutErrors(slo, crowd),
  };
}

/**
 * Only that no answer is a failure: what a shop owes to a crowd that it has to turn away in part.
 *
 * @param {Objectives} slo
 * @param {string} [crowd]
 * @returns {Thresholds}
 */
export function withoutErrors(slo, crowd) {
  return { [`slo_errors${selector(crowd)}`]: [`rate<${errorShareMax(slo)}`] };
}

/**
 * Everything that was asked for was answered as expected, but for a share of the requests and checks.
 *
 * @param {number} failedShare
 * @returns {Thresholds}
 */
export function flawless(failedShare) {
  return {
    http_req_failed: [`rate<${failedShare}`],
    checks: [`rate>${rounded(1 - failedShare)}`],
    dropped_iterations: ['count==0'],
  };
}

/**
 * Rules that hold whatever happens: k6 keeps figures of a crowd or an action only where a rule asks for them.
 *
 * @param {string[]} [crowds]
 * @returns {Thresholds}
 */
export function watched(crowds = []) {
  const actions = ACTIONS.map((name) => [`http_req_duration{name:${name}}`, ['max>=0']]);
  const ofCrowds = crowds.flatMap((crowd) => [
    [`http_req_duration${selector(crowd)}`, ['max>=0']],
    [`slo_unavailable${selector(crowd)}`, ['rate>=0']],
    [`slo_errors${selector(crowd)}`, ['rate>=0']],
    [`dropped_iterations${selector(crowd)}`, ['count>=0']],
    [`http_reqs${selector(crowd)}`, ['count>=0']],
  ]);
  return Object.fromEntries([...actions, ...ofCrowds]);
}

/**
 * @param {string} expression
 * @returns {boolean} whether it is one of {@link watched}, which judges nothing
 */
export function isWatch(expression) {
  return expression.endsWith('>=0');
}

/** @param {string | undefined} crowd */
function selector(crowd) {
  return crowd === undefined ? '' : `{scenario:${crowd}}`;
}

/** @param {Objectives} slo */
function latencyRule(slo) {
  return `${latencyPercentile(slo)}<${latencyLimitMs(slo)}`;
}
