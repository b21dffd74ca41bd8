// @ts-check
// From one second to the next PEAK times as many come, and then they are gone. `npm run load -- spike`
// The peak may be turned away in part (503) and must not meet a failure; a few seconds after it every
// objective holds again.
import { inTurn } from '../lib/crowd-shape.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { requestsPerSecond, watched, withinObjectives, withoutErrors } from '../lib/thresholds.js';
import { setUpVisits, visit } from '../lib/visit.js';

/** A quiet hour: half of what is promised. */
const RATE = numberParameter('RATE', requestsPerSecond(OBJECTIVES) / 2);
const PEAK = numberParameter('PEAK', 10);
const CALM_SECONDS = numberParameter('CALM_SECONDS', 20);
const PEAK_SECONDS = numberParameter('PEAK_SECONDS', 20);

const CROWDS = [
  { name: 'before', rate: RATE, seconds: CALM_SECONDS },
  { name: 'peak', rate: RATE * PEAK, seconds: PEAK_SECONDS },
  { name: 'after', rate: RATE, seconds: CALM_SECONDS, pauseSeconds: numberParameter('SETTLE_SECONDS', 5) },
];

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: inTurn(CROWDS, { vus: numberParameter('VUS', 300) }),
  thresholds: {
    ...watched(CROWDS.map(({ name }) => name)),
    ...withinObjectives(OBJECTIVES, 'before'),
    ...withoutErrors(OBJECTIVES, 'peak'),
    ...withinObjectives(OBJECTIVES, 'after'),
  },
};

export const handleSummary = reportOn('spike');

export { setUpVisits as setup, visit as default };
