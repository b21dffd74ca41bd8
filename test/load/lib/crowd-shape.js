// @ts-check
// How a crowd arrives, and what a run must keep to, in the words that the scenarios share.
import { numberParameter, textParameter } from './parameters.js';

/**
 * An open crowd: so many come each second, however slow the answers are. Those for whom no virtual
 * user is free are dropped, which {@link flawless} counts as a failure of the run.
 *
 * @param {{ rate: number, vus: number, duration?: string, exec?: string }} crowd `rate` is per second;
 *   DURATION, or 30 s, when no duration is given
 * @returns {import('k6/options').ConstantArrivalRateScenario}
 */
export function steadyArrivals({ rate, vus, duration = textParameter('DURATION', '30s'), exec }) {
  return {
    executor: 'constant-arrival-rate',
    rate,
    timeUnit: '1s',
    duration,
    preAllocatedVUs: vus,
    maxVUs: vus,
    ...(exec !== undefined && { exec }),
  };
}

/**
 * @param {number} failedShare the share of requests, and of checks, that may fail
 * @returns {Record<string, string[]>} thresholds
 */
export function flawless(failedShare) {
  return {
    http_req_failed: [`rate<${failedShare}`],
    checks: [`rate>${1 - failedShare}`],
    dropped_iterations: ['count==0'],
  };
}

/**
 * @param {string[]} names of actions
 * @param {number} defaultMs unless P95_MS says otherwise
 * @returns {Record<string, string[]>} thresholds
 */
export function answeredWithin(names, defaultMs) {
  const limitMs = numberParameter('P95_MS', defaultMs);
  return Object.fromEntries(names.map((name) => [`http_req_duration{name:${name}}`, [`p(95)<${limitMs}`]]));
}
