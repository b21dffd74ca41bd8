// @ts-check
// More than was promised: once, twice and three times the objective's throughput, then once again.
// `npm run load -- stress`
// While too many come the shop may turn some away (503) and must not fail; with the promised load, before and
// after, every objective holds.
import { inTurn } from '../lib/crowd-shape.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { requestsPerSecond, watched, withinObjectives, withoutErrors } from '../lib/thresholds.js';
import { setUpVisits, visit } from '../lib/visit.js';

const RATE = numberParameter('RATE', requestsPerSecond(OBJECTIVES));
const SECONDS = numberParameter('STEP_SECONDS', 30);

const CROWDS = [
  { name: 'promised', rate: RATE, seconds: SECONDS },
  { name: 'twice', rate: RATE * 2, seconds: SECONDS },
  { name: 'three_times', rate: RATE * 3, seconds: SECONDS },
  // What was begun under stress is finished first.
  { name: 'afterwards', rate: RATE, seconds: SECONDS, pauseSeconds: 5 },
];

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: inTurn(CROWDS, { vus: numberParameter('VUS', 300) }),
  thresholds: {
    ...watched(CROWDS.map(({ name }) => name)),
    ...withinObjectives(OBJECTIVES, 'promised'),
    ...withoutErrors(OBJECTIVES, 'twice'),
    ...withoutErrors(OBJECTIVES, 'three_times'),
    ...withinObjectives(OBJECTIVES, 'afterwards'),
  },
};

export const handleSummary = reportOn('stress');

export { setUpVisits as setup, visit as default };
