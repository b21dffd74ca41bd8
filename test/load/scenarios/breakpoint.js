// @ts-check
// Ever larger crowds until an objective breaks. `npm run load -- breakpoint`
// It fails only when that happens below the throughput that the objectives promise; the summary says where it
// happened. The generator needs cores of its own, or it finds its own limit.
import { describeBreakingPoint, growingSteps } from '../lib/breaking-point.js';
import { inTurn } from '../lib/crowd-shape.js';
import { OBJECTIVES } from '../lib/objectives.js';
import { numberParameter } from '../lib/parameters.js';
import { reportOn } from '../lib/report.js';
import { requestsPerSecond, watched, withinObjectives } from '../lib/thresholds.js';
import { setUpVisits, visit } from '../lib/visit.js';

const PROMISED = requestsPerSecond(OBJECTIVES);
const STEPS = growingSteps(numberParameter('RATE', PROMISED), {
  count: numberParameter('STEPS', 8),
  factor: numberParameter('FACTOR', 1.5),
});
const SECONDS = numberParameter('STEP_SECONDS', 15);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: inTurn(
    STEPS.map((step) => ({ ...step, seconds: SECONDS })),
    { vus: numberParameter('VUS', 300) },
  ),
  thresholds: {
    ...watched(STEPS.map(({ name }) => name)),
    ...Object.assign(
      {},
      ...STEPS.filter(({ rate }) => rate <= Math.round(PROMISED)).map(({ name }) =>
        withinObjectives(OBJECTIVES, name),
      ),
    ),
  },
};

export const handleSummary = reportOn('breakpoint', (data) => [
  describeBreakingPoint(data, STEPS, OBJECTIVES),
]);

export { setUpVisits as setup, visit as default };
