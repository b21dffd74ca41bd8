// @ts-check
// The fleet under the load of a sale: up, a rollout at its largest, down again.
import { pause, until } from '../cache.mjs';
import { APPLY, overlay } from './installation.mjs';
import { setCpuUsage } from './simulated-nodes.mjs';

/**
 * @typedef {import('../control-plane.mjs').ControlPlane} ControlPlane
 * @typedef {import('../cache.mjs').Rehearsal} Rehearsal
 * @typedef {import('./fleet.mjs').Fleet} Fleet
 * @typedef {{ controlPlane: ControlPlane, rehearsal: Rehearsal, fleet: Fleet }} Stage
 */

const HPA = '/apis/autoscaling/v2/namespaces/caudal/horizontalpodautoscalers/caudal-api';
const DEPLOYMENT = '/apis/apps/v1/namespaces/caudal/deployments/caudal-api';
const UP_MS = 600_000;
const ROLLOUT_MS = 1_200_000;
const DOWN_MS = 1_200_000;

/**
 * @typedef {object} Autoscaler
 * @property {{ desiredReplicas?: number, conditions?: import('./api-client.mjs').Condition[], currentMetrics?: { type: string, pods?: { current?: { averageValue?: string } }, resource?: { current?: { averageUtilization?: number } } }[] }} status
 */

/** @param {import('./api-client.mjs').ApiClient} api */
async function readAutoscaler(api) {
  const { status = {} } = /** @type {Autoscaler} */ (/** @type {unknown} */ (await api.get(HPA)));
  const metrics = status.currentMetrics ?? [];
  return {
    desired: status.desiredReplicas ?? 0,
    cpu: metrics.find(({ type }) => type === 'Resource')?.resource?.current?.averageUtilization,
    requests: metrics.find(({ type }) => type === 'Pods')?.pods?.current?.averageValue,
    isActive: status.conditions?.find(({ type }) => type === 'ScalingActive')?.status === 'True',
  };
}

/**
 * While nobody serves the metric of the requests the CPU alone still scales.
 *
 * @param {Stage} stage
 * @param {import('./api-client.mjs').ApiClient} api
 */
export async function scaleByCpuAlone({ controlPlane, rehearsal, fleet }, api) {
  await setCpuUsage(controlPlane, 0.1);
  fleet.mark();
  const { pods } = fleet.count();
  const wanted = Math.ceil((pods * 1.4) / 0.7);
  await setCpuUsage(controlPlane, 1.4);
  rehearsal.say(`every pod uses 140 % of its CPU, and nobody serves the metric of the requests`);
  await until('the CPU to scale the fleet', UP_MS, () => fleet.count().pods > pods, 500);
  const second = fleet.seconds();
  const { cpu, requests } = await readAutoscaler(api);
  rehearsal.goal(
    requests === undefined,
    `the CPU alone scales: ${String(pods)} -> ${String(fleet.count().pods)} pods after ${second.toFixed(0)} s, at ${String(cpu)} % (${String(wanted)} wanted)`,
  );
  await setCpuUsage(controlPlane, 0.1);
}

/**
 * Both metrics are known, and a load below the target changes nothing.
 *
 * @param {Stage} stage
 * @param {import('./api-client.mjs').ApiClient} api
 */
export async function standStill({ rehearsal, fleet }, api) {
  const known = await until(
    'both metrics of the autoscaler',
    UP_MS,
    async () => {
      const state = await readAutoscaler(api);
      return state.isActive && state.cpu !== undefined && Number.parseInt(state.requests ?? '0') > 0
        ? state
        : null;
    },
    1_000,
  );
  rehearsal.say(
    `the autoscaler reads ${String(known.requests)} requests/s a pod and ${String(known.cpu)} % CPU`,
  );
  fleet.mark();
  // Four looks of the controller.
  await pause(60_000);
  rehearsal.goal(
    fleet.count().pods === 10 && fleet.readyMin === 10,
    'a load below the target leaves 10 pods',
  );
}

/**
 * @param {Stage} stage
 * @param {() => Promise<void>} surge
 */
export async function scaleUp({ rehearsal, fleet }, surge) {
  await surge();
  fleet.mark();
  await until('200 ready pods', UP_MS, () => fleet.count().ready === 200, 200);
  const seconds = fleet.seconds();
  for (const line of fleet.timeline(5)) rehearsal.say(`    ${line}`);
  rehearsal.goal(
    fleet.samples.every(({ pods }) => pods <= 200) && fleet.refusals === 0,
    `10 -> 200 ready pods in ${seconds.toFixed(0)} s, never more than 200, no refusal of the quota`,
  );
  return {
    createdSeconds: fleet.samples.find(({ pods }) => pods === 200)?.second ?? NaN,
    readySeconds: seconds,
  };
}

/**
 * @param {Stage} stage
 * @param {import('./api-client.mjs').ApiClient} api
 */
export async function rollOutAtTheTop({ controlPlane: { kubectl }, rehearsal, fleet }, api) {
  await kubectl([...APPLY, '-k', overlay('staging')]);
  // The autoscaler's next two looks.
  await pause(30_000);
  rehearsal.goal(fleet.count().ready === 200, 'kubectl apply -k at 200 pods leaves 200');

  fleet.mark();
  const { status: { observedGeneration } = {} } = await api.get(DEPLOYMENT);
  const image = 'registry.example.com/caudal:0.1.1';
  await kubectl(['-n', 'caudal', 'set', 'image', 'deployment/caudal-api', `api=${image}`]);
  const isDone = async () => {
    const { status = {} } = await api.get(DEPLOYMENT);
    return (
      status['observedGeneration'] !== observedGeneration &&
      status['updatedReplicas'] === 200 &&
      status['replicas'] === 200 &&
      status['availableReplicas'] === 200
    );
  };
  await until('the rollout', ROLLOUT_MS, isDone, 1_000);
  const seconds = fleet.seconds();
  // Those that still end count against the quota.
  await until('the old pods to be gone', 120_000, () => fleet.count().ending === 0, 500);
  for (const line of fleet.timeline(20)) rehearsal.say(`    ${line}`);
  const most = Math.max(...fleet.samples.map(({ pods, ending }) => pods + ending));
  rehearsal.goal(
    fleet.readyMin >= 200 && fleet.countOf(image) === 200,
    `a rollout of 200 pods in ${seconds.toFixed(0)} s: never fewer than ${String(fleet.readyMin)} ready`,
  );
  const { status: { hard } = {} } = await api.get('/api/v1/namespaces/caudal/resourcequotas/caudal');
  const { pods: limit } = /** @type {{ pods: string }} */ (hard);
  rehearsal.goal(
    fleet.refusals === 0 && fleet.quotaPodsMax <= Number(limit),
    `it stays within the quota: at most ${String(most)} pods of the API, ${String(fleet.quotaPodsMax)} of ${limit} in all${fleet.firstRefusal === null ? ', none refused' : `; first refusal: ${fleet.firstRefusal}`}`,
  );
}

/**
 * @param {Stage} stage
 * @param {import('./api-client.mjs').ApiClient} api
 * @param {number} lapse by which the windows and periods of the way down are divided
 * @param {() => Promise<void>} calm
 */
export async function scaleDown({ controlPlane: { kubectl }, rehearsal, fleet }, api, lapse, calm) {
  /** @type {unknown} */
  const answer = await api.get(HPA);
  const { scaleDown } =
    /** @type {{ spec: { behavior: { scaleDown: import('../../deploy/kubernetes-objects.d.ts').ScalingRules } } }} */ (
      answer
    ).spec.behavior;
  const faster = {
    ...scaleDown,
    stabilizationWindowSeconds: (scaleDown.stabilizationWindowSeconds ?? 300) / lapse,
    policies: (scaleDown.policies ?? []).map((policy) => ({
      ...policy,
      periodSeconds: (policy.periodSeconds ?? 60) / lapse,
    })),
  };
  const patch = JSON.stringify({ spec: { behavior: { scaleDown: faster } } });
  rehearsal.say(`overlay of the rehearsal, the way down ${String(lapse)} times as fast: ${patch}`);
  await kubectl(['-n', 'caudal', 'patch', 'hpa', 'caudal-api', '--type=merge', '-p', patch]);
  fleet.mark();
  await calm();
  await until('10 pods', DOWN_MS, () => fleet.count().pods === 10, 500);
  const seconds = fleet.seconds();
  for (const line of fleet.timeline(15)) rehearsal.say(`    ${line}`);
  const first = fleet.samples.find(({ pods }) => pods < 200)?.second ?? 0;
  const steps = fleet.samples.map(({ pods }) => pods);
  const isMonotonic = steps.every((pods, index) => index === 0 || pods <= (steps[index - 1] ?? 0));
  rehearsal.goal(
    isMonotonic && fleet.readyMin === 10,
    `200 -> 10 in ${seconds.toFixed(0)} s, of which ${first.toFixed(0)} s passed before the first left; with the shipped times about ${(((seconds - first) * lapse) / 60).toFixed(0)} min after ${String(scaleDown.stabilizationWindowSeconds)} s`,
  );
}
