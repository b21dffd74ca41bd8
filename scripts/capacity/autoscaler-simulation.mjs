// @ts-check
// What a HorizontalPodAutoscaler makes of a load that comes at once, second by second. Every choice that the
// controller or the clocks may make is taken against us, so times are upper bounds of this model:
// - the step comes just after the controller has looked, and metrics are as old as they can be;
// - the tolerance holds the fleet at the smallest size that it allows, whatever size it has;
// - pods that start serve nothing before they are ready.
// Not in it: room on the nodes, pulling an image, balancers that spread unevenly, and what refusing costs.
// A refused request counts as a request, as it does in http_requests_total. The controller begins to wait when it
// is done, so a policy's period that is as long as the wait is over at its next look.

/**
 * @typedef {object} Step
 * @property {number} rps that come from second 0 on, for ever
 * @property {number} beforeRps that came until then
 * @property {number} podRps that one pod answers with all of its core; more is shed
 * @property {number} warmPods ready at second 0: the autoscaler's minimum
 * @property {number} maxPods
 * @property {number} cpuTarget share of the requested CPU
 * @property {number} busyShare of its requested CPU that a pod uses at most
 * @property {number} requestsTarget requests per second and pod
 * @property {import('../deploy/kubernetes-objects.d.ts').ScalingRules} scaleUp
 * @property {number} syncSeconds between two looks of the controller
 * @property {number} tolerance share that a metric may be off its target before anything happens
 * @property {number} startSeconds from the decision to a ready pod
 * @property {Metric} requestsMetric
 * @property {Metric} cpuMetric
 * @property {number} horizonSeconds how long we look
 *
 * @typedef {{ delaySeconds: number, windowSeconds: number }} Metric an average over the window, that is so old
 *
 * @typedef {object} Outcome
 * @property {number} refusingSeconds in which somebody saw 503
 * @property {number} refused requests, at least: refusing is taken to cost nothing
 * @property {boolean} hasRecovered within the horizon
 * @property {{ second: number, pods: number, ready: number }[]} timeline whenever pods or ready pods change
 */

/** What floating point may be off. */
const EPSILON = 1e-9;

/**
 * @param {Step} step
 * @returns {Outcome}
 */
export function simulateStep(step) {
  const { rps, beforeRps, podRps, warmPods, maxPods, syncSeconds, startSeconds, horizonSeconds } = step;
  /** Pods created, by their second. @type {{ second: number, pods: number }[]} */
  const created = [{ second: -Infinity, pods: warmPods }];
  const podsAt = (/** @type {number} */ second) =>
    created.reduce((sum, each) => (each.second <= second ? sum + each.pods : sum), 0);
  /** Work of each second, in pods that are wholly busy. @type {number[]} */
  const busy = [];
  const busyBefore = Math.min(beforeRps / podRps, warmPods);
  /** @type {{ second: number, pods: number }[]} */
  const recommendations = [];
  /** @type {Outcome} */
  const outcome = { refusingSeconds: 0, refused: 0, hasRecovered: false, timeline: [] };
  for (let second = 0; second < horizonSeconds; second += 1) {
    if (second > 0 && second % syncSeconds === 0) {
      const asked = average(step.requestsMetric, second, (past) => (past < 0 ? beforeRps : rps));
      const worked = average(step.cpuMetric, second, (past) => busy[past] ?? busyBefore);
      const pods = Math.max(
        podsFor(asked, step.requestsTarget, step.tolerance),
        podsFor(worked * step.busyShare, step.cpuTarget, step.tolerance),
      );
      recommendations.push({ second, pods: Math.min(maxPods, Math.max(warmPods, pods)) });
      const present = podsAt(second);
      const next = Math.min(
        stabilised(recommendations, second, step.scaleUp.stabilizationWindowSeconds ?? 0),
        podsAllowed(step.scaleUp, present, (period) => podsAt(second - period)),
      );
      if (next > present) created.push({ second, pods: next - present });
    }
    const ready = podsAt(second - startSeconds);
    const answered = Math.min(rps, ready * podRps);
    busy.push(answered / podRps);
    const refused = rps - answered;
    if (refused > EPSILON) {
      outcome.refusingSeconds += 1;
      outcome.refused += refused;
    }
    outcome.hasRecovered = refused <= EPSILON;
    const last = outcome.timeline.at(-1);
    const pods = podsAt(second);
    if (last?.pods !== pods || last.ready !== ready) outcome.timeline.push({ second, pods, ready });
  }
  return outcome;
}

/**
 * How many pods a total keeps at their target, when the controller lets all of its tolerance pass.
 *
 * @param {number} total
 * @param {number} target
 * @param {number} tolerance
 */
function podsFor(total, target, tolerance) {
  return Math.ceil(total / (target * (1 + tolerance)) - EPSILON);
}

/**
 * @param {Metric} metric
 * @param {number} now
 * @param {(second: number) => number} valueAt
 */
function average({ delaySeconds, windowSeconds }, now, valueAt) {
  let sum = 0;
  for (let past = 1; past <= windowSeconds; past += 1) sum += valueAt(now - delaySeconds - past);
  return sum / windowSeconds;
}

/**
 * Upwards the least of what was recommended within the window counts.
 *
 * @param {{ second: number, pods: number }[]} recommendations
 * @param {number} now
 * @param {number} windowSeconds
 */
function stabilised(recommendations, now, windowSeconds) {
  const recent = recommendations.filter(({ second }) => second > now - windowSeconds || second === now);
  return Math.min(...recent.map(({ pods }) => pods));
}

/**
 * The most pods that the policies let there be now.
 *
 * @param {import('../deploy/kubernetes-objects.d.ts').ScalingRules} scaleUp
 * @param {number} present
 * @param {(periodSeconds: number) => number} podsBefore how many there were a period ago
 */
function podsAllowed({ selectPolicy = 'Max', policies }, present, podsBefore) {
  if (selectPolicy === 'Disabled') return present;
  const limits = (policies ?? DEFAULT_POLICIES).map(({ type, value = 0, periodSeconds = 15 }) => {
    const before = podsBefore(periodSeconds);
    return type === 'Percent' ? Math.ceil(before * (1 + value / 100) - EPSILON) : before + value;
  });
  return selectPolicy === 'Max' ? Math.max(...limits) : Math.min(...limits);
}

/** Of Kubernetes, where the autoscaler names none. @type {{ type: 'Percent' | 'Pods', value: number, periodSeconds: number }[]} */
const DEFAULT_POLICIES = [
  { type: 'Percent', value: 100, periodSeconds: 15 },
  { type: 'Pods', value: 4, periodSeconds: 15 },
];

/**
 * The least number of warm pods with which nobody sees 503; null when even the maximum is not enough.
 *
 * @param {Step} step
 * @returns {number | null}
 */
export function warmPodsForZero(step) {
  const isEnough = (/** @type {number} */ warmPods) =>
    simulateStep({ ...step, warmPods }).refusingSeconds === 0;
  if (!isEnough(step.maxPods)) return null;
  let [tooFew, enough] = [0, step.maxPods];
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}
