// @ts-check
import { simulateStep } from '../../capacity/autoscaler-simulation.mjs';
import { readMeasured } from '../../capacity/measured.mjs';
import { planCapacity } from '../../capacity/plan.mjs';
import { readShippedObjects, shippedNumbers } from '../../capacity/shipped.mjs';
import { stepOf } from '../../capacity/step.mjs';

/** Of the controller manager, which the rehearsal leaves as it is; and of `npm run capacity`. */
const SYNC_SECONDS = 15;
const SCHEDULE_SECONDS = 5;

/**
 * What `npm run capacity -- --step` computes of the step that the rehearsal takes, of reads alone.
 *
 * @param {{ rps: number, beforeRps: number, warmPods: number }} load
 */
export function computeStep({ rps, beforeRps, warmPods }) {
  const [shipped, measured] = [shippedNumbers(readShippedObjects()), readMeasured()];
  const plan = planCapacity(
    {
      ...{ rps, users: 1, mix: { reads: 1, soldOut: 0, orders: 0 } },
      ...{ headroom: 1 - shipped.cpuTarget, coresPerPod: shipped.coresPerPod },
    },
    shipped,
    measured,
  );
  const options = { beforeRps, warmPods, scheduleSeconds: SCHEDULE_SECONDS, syncSeconds: SYNC_SECONDS };
  const step = stepOf(options, plan, shipped, measured);
  const { timeline } = simulateStep(step);
  return {
    /** From the creation of a pod to its first request. */
    startSeconds: step.startSeconds,
    /** When the last of the largest fleet was created, and when it was ready; undefined: never. */
    createdSeconds: timeline.find(({ pods }) => pods === step.maxPods)?.second,
    readySeconds: timeline.find(({ ready }) => ready === step.maxPods)?.second,
    timeline: timeline.map(
      ({ second, pods, ready }) => `${String(second)} s: ${String(pods)} (${String(ready)} ready)`,
    ),
  };
}
