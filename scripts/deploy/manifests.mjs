// @ts-check
import { parseAllDocuments } from 'yaml';

/**
 * @typedef {import('./kubernetes-objects.d.ts').KubernetesObject} KubernetesObject
 * @typedef {import('./kubernetes-objects.d.ts').PodSpec} PodSpec
 * @typedef {import('./kubernetes-objects.d.ts').Container} Container
 * @typedef {import('./kubernetes-objects.d.ts').Labels} Labels
 * @typedef {import('./kubernetes-objects.d.ts').Selector} Selector
 */

/**
 * What a rule has against the deployment. `where` is the object or file.
 *
 * @typedef {{ rule: string, where: string, message: string }} Finding
 */

/**
 * What the checks know. Manifests are the objects of one rendering (the base, or an overlay).
 *
 * @typedef {object} Deployment
 * @property {KubernetesObject[]} objects
 * @property {ReadonlyMap<string, Setting>} settings of the application, by name
 * @property {ReadonlySet<string>} metrics that the application exports
 * @property {number} backupAgeMaxSeconds from which on the alert on the age of backups fires
 */

/** @typedef {{ _parse: (input: string) => unknown, choices?: readonly unknown[] }} Setting */

/**
 * @param {string} text YAML, of one or several documents
 * @param {string} where
 * @returns {KubernetesObject[]}
 */
export function parseObjects(text, where) {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${where}: ${error.message}`);
    const value = /** @type {unknown} */ (document.toJS());
    const object = /** @type {KubernetesObject | null} */ (value);
    return object === null ? [] : [object];
  });
}

/** @param {KubernetesObject} object */
export const nameOf = (object) => `${object.kind ?? '?'}/${object.metadata?.name ?? '?'}`;

/**
 * @param {readonly KubernetesObject[]} objects
 * @param {...string} kinds
 */
export const ofKind = (objects, ...kinds) => objects.filter(({ kind = '' }) => kinds.includes(kind));

/** @param {readonly KubernetesObject[]} objects */
export const workloadsOf = (objects) => ofKind(objects, 'Deployment', 'StatefulSet', 'Job', 'CronJob');

/** Of the Job that a CronJob makes, or of the workload itself. @param {KubernetesObject} workload */
const templateOf = ({ spec }) => (spec?.jobTemplate?.spec ?? spec)?.template;

/**
 * @param {KubernetesObject} workload
 * @returns {PodSpec}
 */
export const podOf = (workload) => templateOf(workload)?.spec ?? {};

/**
 * @param {KubernetesObject} workload
 * @returns {Container[]}
 */
export const containersOf = (workload) => [
  ...(podOf(workload).initContainers ?? []),
  ...(podOf(workload).containers ?? []),
];

/**
 * @param {KubernetesObject} workload
 * @returns {Labels}
 */
export const podLabels = (workload) => templateOf(workload)?.metadata?.labels ?? {};

/** The containers of our own image have a role or migrate; others are not ours to configure. @param {Container} container */
export const isOurs = (container) => /(^|\/)caudal[:@]/.test(container.image ?? '');

/**
 * @param {Selector | undefined} selector
 * @param {Labels} labels
 */
export function selects(selector, labels) {
  const byLabel = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  const byExpression = (selector?.matchExpressions ?? []).every(
    ({ key, operator, values = [] }) => operator === 'In' && values.includes(labels[key] ?? ''),
  );
  return byLabel && byExpression;
}

/**
 * A quantity as a number: cores, bytes or pieces.
 *
 * @param {string | number | undefined} quantity
 */
export function amount(quantity) {
  const [, digits, unit = ''] = /^([0-9.]+)([a-zA-Z]*)$/.exec(String(quantity ?? 0)) ?? [];
  const factor = FACTORS[unit];
  if (digits === undefined || factor === undefined) throw new Error(`${String(quantity)} is not a quantity`);
  return Number(digits) * factor;
}

/** @type {Record<string, number>} */
const FACTORS = {
  '': 1,
  m: 0.001,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * What a number or a percentage is of so many pods.
 *
 * @param {string | number | undefined} value
 * @param {number} pods
 * @param {(pods: number) => number} round
 */
export function share(value, pods, round) {
  const text = String(value ?? 0);
  return text.endsWith('%') ? round((Number(text.slice(0, -1)) * pods) / 100) : Number(text);
}

/**
 * The values of the application's settings in a container: its ConfigMaps, then its own environment.
 *
 * @param {readonly KubernetesObject[]} objects
 * @param {Container} container
 * @returns {Map<string, string>}
 */
export function environmentOf(objects, container) {
  const maps = (container.envFrom ?? []).flatMap(({ configMapRef }) =>
    ofKind(objects, 'ConfigMap').filter(({ metadata }) => metadata?.name === configMapRef?.name),
  );
  return new Map([
    ...maps.flatMap(({ data = {} }) => Object.entries(data)),
    ...(container.env ?? []).flatMap(({ name, value }) =>
      name === undefined || value === undefined ? [] : [/** @type {[string, string]} */ ([name, value])],
    ),
  ]);
}

/**
 * The most pods of a workload that exist at once, with those of a rollout that start and that still end.
 *
 * A deletion follows a new pod that has been ready for minReadySeconds, and the surge bounds how many are
 * new at once: while one pod takes `endSeconds` to end, floor(end / minReady) + 1 waves can follow it.
 *
 * @param {readonly KubernetesObject[]} objects
 * @param {KubernetesObject} workload
 */
export function podsAtMost(objects, workload) {
  const { spec = {} } = workload;
  if (workload.kind === 'Job') return 1;
  // One at a time (concurrencyPolicy: Forbid).
  if (workload.kind === 'CronJob') return 1;
  if (workload.kind === 'StatefulSet') return spec.replicas ?? 1;
  const autoscaler = autoscalerOf(objects, workload);
  const pods = autoscaler?.spec?.maxReplicas ?? spec.replicas ?? 1;
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
  const surge = share(maxSurge, pods, Math.ceil);
  const wave = surge + share(maxUnavailable, pods, Math.floor);
  const endSeconds = Math.min(
    podOf(workload).terminationGracePeriodSeconds ?? 30,
    Math.max(...containersOf(workload).map((container) => secondsToEnd(objects, container))),
  );
  const waves = Math.floor(endSeconds / Math.max(1, spec.minReadySeconds ?? 0)) + 1;
  return pods + surge + wave * waves;
}

/**
 * From SIGTERM to the exit of the application: its delay, its deadline, and two seconds to close. Of a
 * foreign container nothing is known but the grace period.
 *
 * @param {readonly KubernetesObject[]} objects
 * @param {Container} container
 */
export function secondsToEnd(objects, container) {
  if (!isOurs(container)) return Infinity;
  const environment = environmentOf(objects, container);
  const delayMs = Number(environment.get('SHUTDOWN_DELAY_MS') ?? 0);
  const deadlineMs = Number(environment.get('SHUTDOWN_DEADLINE_MS') ?? 20_000);
  return (delayMs + deadlineMs) / 1000 + 2;
}

/**
 * @param {readonly KubernetesObject[]} objects
 * @param {KubernetesObject} workload
 */
export const autoscalerOf = (objects, workload) =>
  ofKind(objects, 'HorizontalPodAutoscaler').find(
    ({ spec }) =>
      spec?.scaleTargetRef?.kind === workload.kind && spec?.scaleTargetRef?.name === workload.metadata?.name,
  );
