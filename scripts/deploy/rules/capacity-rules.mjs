// @ts-check
import {
  amount,
  autoscalerOf,
  containersOf,
  environmentOf,
  isOurs,
  nameOf,
  ofKind,
  podLabels,
  podsAtMost,
  selects,
  share,
  workloadsOf,
} from '../manifests.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Deployment} Deployment
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../manifests.mjs').KubernetesObject} KubernetesObject
 */

/** The product's promise (core-services, section 10). */
const PODS_MIN = 10;
const PODS_MAX = 200;
/** What PostgreSQL keeps for superusers, replication, migrations and backups. */
export const CONNECTIONS_RESERVED = 30;
/** Of a PostgreSQL that this rendering does not contain; docs/operations.md asks for it. */
const CONNECTIONS_OF_POSTGRES = 300;

/**
 * The quota holds every pod that can exist at once.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function quota({ objects }) {
  const quotas = ofKind(objects, 'ResourceQuota');
  const needs = { pods: 0, 'requests.cpu': 0, 'requests.memory': 0, 'limits.memory': 0 };
  for (const workload of workloadsOf(objects)) {
    const pods = podsAtMost(objects, workload);
    needs.pods += pods;
    for (const { resources = {} } of containersOf(workload)) {
      needs['requests.cpu'] += pods * amount(resources.requests?.['cpu']);
      needs['requests.memory'] += pods * amount(resources.requests?.['memory']);
      needs['limits.memory'] += pods * amount(resources.limits?.['memory']);
    }
  }
  if (quotas.length === 0) return [{ rule: 'quota', where: 'ResourceQuota', message: 'there is none' }];
  return quotas.flatMap((object) =>
    found(
      'quota',
      nameOf(object),
      Object.entries(needs).map(([name, need]) => {
        const limit = object.spec?.hard?.[name];
        if (limit === undefined) return `${name} is not bounded`;
        return (
          amount(limit) < need && `${name} is ${String(limit)}, but ${String(need)} can be needed at once`
        );
      }),
    ),
  );
}

/**
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function connections({ objects }) {
  const pooler = poolerOf(objects);
  if (pooler === null) return [{ rule: 'connections', where: 'pgbouncer', message: 'there is no PgBouncer' }];
  const { workload: pgbouncer, setting, replicas, clientsMax, serverConnections: servers } = pooler;
  const clients = workloadsOf(objects).reduce(
    (sum, workload) => sum + podsAtMost(objects, workload) * podConnections(objects, workload, replicas),
    0,
  );
  const postgres = postgresConnectionsMax(objects);

  return found('connections', nameOf(pgbouncer), [
    setting('pool_mode') !== 'transaction' && 'pool_mode is not transaction',
    replicas < 1 && 'there is no entry for a replica',
    clients > clientsMax &&
      `max_client_conn is ${String(clientsMax)}, but the fleet opens up to ${String(clients)} connections`,
    servers > postgres - CONNECTIONS_RESERVED &&
      `up to ${String(servers)} connections to one PostgreSQL, of which ${String(postgres)} less ${String(CONNECTIONS_RESERVED)} are to be had`,
  ]);
}

/**
 * PgBouncer as it is configured; null where there is none.
 *
 * @param {readonly KubernetesObject[]} objects
 */
export function poolerOf(objects) {
  const text = ofKind(objects, 'ConfigMap').flatMap(({ data = {} }) => data['pgbouncer.ini'] ?? [])[0];
  const workload = ofKind(objects, 'Deployment').find((each) =>
    containersOf(each).some(({ name }) => name === 'pgbouncer'),
  );
  if (text === undefined || workload === undefined) return null;
  const setting = (/** @type {string} */ name) =>
    new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)`, 'm').exec(text)?.[1];
  const databases = [...text.matchAll(/^\s*(\w+) = host=\S+.*?(?:pool_size=(\d+))?\s*$/gm)];
  const sizes = databases.map(([, , size]) => Number(size ?? setting('default_pool_size') ?? 20));
  // The writer may be any of the servers, and is then also one of the entries of the replicas.
  const [writer = 0, ...readers] = sizes;
  return {
    workload,
    setting,
    replicas: databases.length - 1,
    clientsMax: Number(setting('max_client_conn') ?? 100),
    /** To one PostgreSQL, from all pods of PgBouncer. */
    serverConnections: podsAtMost(objects, workload) * (writer + Math.max(0, ...readers)),
  };
}

/**
 * What one pod of ours opens; 0 for a workload without a role.
 *
 * @param {readonly KubernetesObject[]} objects
 * @param {KubernetesObject} workload
 * @param {number} replicas of PostgreSQL
 */
export function podConnections(objects, workload, replicas) {
  const container = containersOf(workload).find(({ env = [] }) => env.some(({ name }) => name === 'ROLE'));
  return container === undefined ? 0 : connectionsOf(environmentOf(objects, container), replicas);
}

/** @param {readonly KubernetesObject[]} objects */
export function postgresConnectionsMax(objects) {
  return ofKind(objects, 'Cluster').map(postgresConnections)[0] ?? CONNECTIONS_OF_POSTGRES;
}

/** @param {KubernetesObject} cluster of CloudNativePG */
function postgresConnections(cluster) {
  const spec = /** @type {{ postgresql?: { parameters?: Record<string, string> } }} */ (cluster.spec ?? {});
  return Number(spec.postgresql?.parameters?.['max_connections'] ?? 100);
}

/**
 * What one process opens (`connectionBudget` of the application, with its rounding).
 *
 * @param {ReadonlyMap<string, string>} environment
 * @param {number} replicas
 */
export function connectionsOf(environment, replicas) {
  const write = Number(environment.get('DATABASE_WRITE_POOL_SIZE') ?? 40);
  const read = Number(environment.get('DATABASE_READ_POOL_SIZE') ?? 60);
  const limit = Number(environment.get('DATABASE_CONNECTION_LIMIT') ?? 100);
  const part = Math.min(1, limit / (write + read));
  const perReplica = replicas === 0 ? 0 : Math.max(1, Math.floor(Math.floor(read * part) / replicas));
  return Math.max(1, Math.floor(write * part)) + perReplica * replicas + replicas + 1;
}

/**
 * The autoscaler's bounds, and by what it scales.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function scaling({ objects, metrics }) {
  const autoscalers = ofKind(objects, 'HorizontalPodAutoscaler');
  const scaled = workloadsOf(objects).filter((workload) => autoscalerOf(objects, workload) !== undefined);
  return [
    ...autoscalers.flatMap((autoscaler) => {
      const {
        minReplicas = 1,
        maxReplicas = 0,
        metrics: measures = [],
        scaleTargetRef,
      } = autoscaler.spec ?? {};
      const target = scaled.find(({ metadata }) => metadata?.name === scaleTargetRef?.name);
      const resources = measures.flatMap(({ resource }) => resource?.name ?? []);
      return found('scaling', nameOf(autoscaler), [
        target === undefined && `scales ${String(scaleTargetRef?.name)}, which does not exist`,
        minReplicas < PODS_MIN && `minReplicas is below ${String(PODS_MIN)}`,
        maxReplicas !== PODS_MAX && `maxReplicas is not ${String(PODS_MAX)}`,
        !resources.includes('cpu') && 'does not scale on CPU',
        ...measures.map(({ pods }) => {
          const name = pods?.metric?.name;
          // The adapter's rule renames counters: http_requests_total becomes http_requests_per_second.
          return (
            name !== undefined &&
            !metrics.has(name.replace(/_per_second$/, '_total')) &&
            `the application has no metric for ${name}`
          );
        }),
      ]);
    }),
    ...(autoscalers.length === 0
      ? [{ rule: 'scaling', where: 'HorizontalPodAutoscaler', message: 'there is none' }]
      : []),
    ...scaled.flatMap((workload) =>
      found('scaling', nameOf(workload), [
        workload.spec?.replicas !== undefined && 'sets replicas, which are the autoscaler’s',
      ]),
    ),
  ];
}

/**
 * Everything that serves may be drained, but never so much of it at once that the rest is overloaded.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function disruption({ objects }) {
  const budgets = ofKind(objects, 'PodDisruptionBudget');
  return ofKind(objects, 'Deployment').flatMap((workload) => {
    const own = budgets.filter(({ spec }) => selects(spec?.selector, podLabels(workload)));
    const autoscaler = autoscalerOf(objects, workload);
    const pods = autoscaler?.spec?.minReplicas ?? workload.spec?.replicas ?? 1;
    const maxUnavailable = own[0]?.spec?.maxUnavailable;
    const away = share(maxUnavailable, pods, Math.ceil);
    const cpu = autoscaler?.spec?.metrics?.find(({ resource }) => resource?.name === 'cpu')?.resource?.target
      ?.averageUtilization;
    const rollout = workload.spec?.strategy?.rollingUpdate ?? {};
    return found('disruption', nameOf(workload), [
      own.length !== 1 && `${String(own.length)} disruption budgets select it, not one`,
      own.length === 1 &&
        maxUnavailable === undefined &&
        'its budget has no maxUnavailable, so it cannot scale',
      own.length === 1 && away < 1 && 'its budget never lets a node be drained',
      away >= pods && 'its budget lets all pods go at once',
      cpu !== undefined &&
        (cpu * pods) / Math.max(1, pods - away) >= 100 &&
        `with ${String(away)} of ${String(pods)} pods gone the others need ${String(Math.round((cpu * pods) / Math.max(1, pods - away)))} % of their CPU`,
      containersOf(workload).some(isOurs) &&
        share(rollout.maxUnavailable ?? '25%', pods, Math.floor) > 0 &&
        'a rollout takes pods away before others are ready',
    ]);
  });
}
