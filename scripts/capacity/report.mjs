// @ts-check
// The lines of `npm run capacity`. [m] is measured, [s] shipped, [c] computed from them.
import { shareOf } from './plan.mjs';

/**
 * @typedef {import('./plan.mjs').Plan} Plan
 * @typedef {import('./shipped.mjs').Shipped} Shipped
 * @typedef {import('./measured.mjs').Measured} Measured
 */

const whole = (/** @type {number} */ value) => Math.round(value).toLocaleString('en');
const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

/**
 * @param {Plan} plan
 * @param {Shipped} shipped
 * @returns {string[]}
 */
export function reportPlan(plan, shipped) {
  const { load, first } = plan;
  const { mix } = load;
  const cores = String(load.coresPerPod);
  const atMaximum = plan.podsWanted > shipped.podsMax ? ', but that is the maximum' : '';
  return [
    `${whole(load.rps)} requests/s, ${whole(load.users)} users; ${percent(mix.reads)} reads, ${percent(mix.soldOut)} refusals, ${percent(mix.orders)} orders`,
    '[m] measured on one core, see deployment/capacity/measured.json; [s] shipped; [c] computed',
    '',
    `Pods       ${whole(plan.pods)} [c]: ${whole(plan.podsByCpu)} for the processor (${plan.micros.toFixed(1)} µs a request [c], ${cores} core(s) each, ${percent(load.headroom)} free),`,
    `           ${whole(plan.podsByRequests)} by the autoscaler's ${whole(shipped.requestsTarget)} requests/s a pod [s], at least ${whole(shipped.podsMin)} [s], at most ${whole(shipped.podsMax)} [s]${atMaximum}`,
    `vCPU       ${whole(plan.vCpu)} [c], of them ${String(shipped.workers * shipped.coresPerWorker)} for ${whole(shipped.workers)} workers [s]`,
    `PgBouncer  ${whole(plan.pods * shipped.connectionsPerPod + shipped.workers * shipped.connectionsPerWorker)} client connections [c], ${whole(shipped.connectionsPerPod)} a pod [s]`,
    `PostgreSQL ${whole(shipped.serverConnections)} connections to one server at most [s]; ${whole(plan.orders)} orders/s [c];`,
    `           statements/s: ${whole(plan.statements.orders)} for orders in full batches [m] (a lone order costs those of a batch), ${whole(plan.statements.refusals)} for refusals [m], up to ${whole(plan.statements.idle)} of idle processes [m]`,
    `Redis      ${whole(plan.redis.limiter + plan.redis.main + plan.redis.idle)} commands/s at most [c]: limits ${whole(plan.redis.limiter)}, main ${whole(plan.redis.main)}, what idle processes ask ${whole(plan.redis.idle)} [m]`,
    '',
    ...table(plan.resources),
    '',
    `Saturates first: ${first.resource.name}, at ${amountOf(first)} (${percent(first.share)} at this load)`,
    ...(first.next === null
      ? []
      : [`then:            ${first.next.resource.name}, at ${amountOf(first.next)}`]),
    ...(first.resource.unit === 'commands/s' && first.share > 1
      ? [
          `A Cluster of ${String(Math.ceil(first.share))} masters carries it: its keys spread over 64 hash tags`,
        ]
      : []),
    '',
    'Not measured, and so not in it: the gateway and the network, log-ins (a password costs 19 MiB and a thread),',
    'payments, reads that are not in memory, PgBouncer’s own thread, several processes at one hot row.',
  ];
}

/** @param {{ resource: { growsWith: string }, at: number }} saturation */
function amountOf({ resource, at }) {
  return `${whole(at)} ${resource.growsWith === 'users' ? 'users' : 'requests/s'}`;
}

function table(/** @type {readonly import('./plan.mjs').Resource[]} */ resources) {
  const rows = resources.map((resource) => [
    resource.name,
    `${whole(resource.used)} of ${whole(resource.capacity)} ${resource.unit}`,
    percent(shareOf(resource)),
    resource.basis,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}

/**
 * @param {import('./autoscaler-simulation.mjs').Step} step
 * @param {{ warmPods: number, outcome: import('./autoscaler-simulation.mjs').Outcome }[]} runs
 * @param {number | null} warmPods with which nobody sees 503
 * @returns {string[]}
 */
export function reportStep(step, runs, warmPods) {
  const { requestsMetric, cpuMetric } = step;
  return [
    '',
    `The step: from ${whole(step.beforeRps)} to ${whole(step.rps)} requests/s in one second [c]`,
    `A pod answers ${whole(step.podRps)} requests/s and sheds the rest; it is ready ${String(step.startSeconds)} s after it was asked for;`,
    `the autoscaler looks every ${String(step.syncSeconds)} s, at requests ${String(requestsMetric.delaySeconds)} s old over ${String(requestsMetric.windowSeconds)} s and CPU ${String(cpuMetric.delaySeconds)} s old over ${String(cpuMetric.windowSeconds)} s.`,
    ...runs.map(({ warmPods: warm, outcome }) => {
      const until = outcome.hasRecovered ? '' : ` and longer: ${whole(step.maxPods)} pods are not enough`;
      const seen =
        outcome.refusingSeconds === 0
          ? 'nobody sees 503'
          : `users see 503 for ${String(outcome.refusingSeconds)} s${until}, at least ${whole(outcome.refused)} requests`;
      const growth = outcome.timeline
        .map(({ second, pods, ready }) => `${String(second)} s ${String(ready)}/${String(pods)}`)
        .join(', ');
      return `  ${String(warm)} warm pods: ${seen}  (ready/asked for: ${growth})`;
    }),
    warmPods === null
      ? `No number of warm pods up to ${whole(step.maxPods)} is enough: more than that is shed for good.`
      : `Nobody sees 503 from ${whole(warmPods)} warm pods on; minReplicas has to be that before the sale.`,
  ];
}
