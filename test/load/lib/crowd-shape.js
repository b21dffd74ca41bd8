// @ts-check
// How a crowd arrives, in the words that the scenarios share.
import { textParameter } from './parameters.js';

/**
 * An open crowd: so many come each second, however slow the answers are. Those for whom no virtual
 * user is free are dropped, which the thresholds count as a failure of the run.
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
 * Crowds that come one after the other, each a scenario of k6 with a name of its own, so that thresholds
 * and the summary can tell them apart.
 *
 * @param {{ name: string, rate: number, seconds: number, pauseSeconds?: number }[]} crowds `pauseSeconds`:
 *   nobody comes for so long before this crowd
 * @param {{ vus: number, exec?: string }} shared at most so many virtual users for each
 * @returns {Record<string, import('k6/options').Scenario>}
 */
export function inTurn(crowds, { vus, exec }) {
  let startSeconds = 0;
  return Object.fromEntries(
    crowds.map(({ name, rate, seconds, pauseSeconds = 0 }) => {
      startSeconds += pauseSeconds;
      const visits = Math.max(1, Math.round(rate));
      const scenario = {
        // One user for each visit of a second lets a visit take a second; small crowds wait for a machine that stalls.
        ...steadyArrivals({
          rate: visits,
          vus: Math.min(vus, Math.max(50, visits)),
          duration: `${seconds}s`,
        }),
        startTime: `${startSeconds}s`,
        // As long as a request may take, so that none is cut off and counted as the shop's failure.
        gracefulStop: '10s',
        ...(exec !== undefined && { exec }),
      };
      startSeconds += seconds;
      return [name, scenario];
    }),
  );
}
