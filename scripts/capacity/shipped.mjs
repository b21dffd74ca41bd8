// @ts-check
// What deployment/ ships, as numbers: read from the manifests each time, and copied nowhere.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBase } from '../deploy/renderings.mjs';
import { amount, autoscalerOf, containersOf, nameOf, ofKind, parseObjects } from '../deploy/manifests.mjs';
import {
  CONNECTIONS_RESERVED,
  podConnections,
  poolerOf,
  postgresConnectionsMax,
} from '../deploy/rules/capacity-rules.mjs';

/** @typedef {import('../deploy/kubernetes-objects.d.ts').KubernetesObject} KubernetesObject */
/** @typedef {import('../deploy/kubernetes-objects.d.ts').ScalingRules} ScalingRules */

const OVERLAYS = fileURLToPath(new URL('../../deployment/overlays/', import.meta.url));

/**
 * The base, and of the overlays `data` and `monitoring` what they add to it.
 *
 * @returns {KubernetesObject[]}
 */
export function readShippedObjects() {
  const parts = ['data', 'monitoring'].flatMap((name) =>
    readdirSync(join(OVERLAYS, name))
      .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
      .filter((file) => file !== 'resource-quota.yaml') // in place of the base's, where the data stores run
      .map((file) => /** @type {const} */ ([file, readFileSync(join(OVERLAYS, name, file), 'utf8')])),
  );
  return [...readBase(), ...parts].flatMap(([file, text]) => parseObjects(text, file));
}

/** @typedef {ReturnType<typeof shippedNumbers>} Shipped */

/** @param {readonly KubernetesObject[]} objects */
export function shippedNumbers(objects) {
  const api = named(objects, 'Deployment', 'caudal-api');
  const worker = named(objects, 'Deployment', 'caudal-worker');
  const container = present(containersOf(api)[0], 'a container of the api');
  const autoscaler = present(autoscalerOf(objects, api), 'an autoscaler of the api');
  const { minReplicas = 1, maxReplicas = 1, metrics = [], behavior = {} } = autoscaler.spec ?? {};
  const cpu = metrics.find(({ resource }) => resource?.name === 'cpu')?.resource?.target?.averageUtilization;
  const requests = metrics.find(({ pods }) => pods?.metric?.name === 'http_requests_per_second');
  const pooler = present(poolerOf(objects), 'PgBouncer');
  return {
    coresPerPod: amount(container.resources?.requests?.['cpu']),
    workers: worker.spec?.replicas ?? 1,
    coresPerWorker: amount(containersOf(worker)[0]?.resources?.requests?.['cpu']),
    quotaCores: amount(named(objects, 'ResourceQuota', 'caudal').spec?.hard?.['requests.cpu']),
    podsMin: minReplicas,
    podsMax: maxReplicas,
    /** Shares of the requested CPU, and requests per second, that the autoscaler keeps each pod at. */
    cpuTarget: present(cpu, 'a CPU target') / 100,
    requestsTarget: amount(present(requests?.pods?.target?.averageValue, 'a target of requests')),
    scaleUp: behavior.scaleUp ?? /** @type {ScalingRules} */ ({}),
    /** Between two looks of the kubelet at a pod that starts, and then at one that becomes ready. */
    probeSeconds:
      (container.startupProbe?.periodSeconds ?? 10) + (container.readinessProbe?.periodSeconds ?? 10),
    scrapeSeconds: seconds(named(objects, 'ServiceMonitor', 'caudal').spec?.endpoints?.[0]?.interval),
    rateWindowSeconds: rateWindow(named(objects, 'ConfigMap', 'caudal-prometheus-adapter')),
    connectionsPerPod: podConnections(objects, api, pooler.replicas),
    connectionsPerWorker: podConnections(objects, worker, pooler.replicas),
    poolerClientsMax: pooler.clientsMax,
    serverConnections: pooler.serverConnections,
    serverConnectionsMax: postgresConnectionsMax(objects) - CONNECTIONS_RESERVED,
    sessionBytesMax: memoryMax(named(objects, 'ConfigMap', 'redis-sessions')),
  };
}

/**
 * @param {readonly KubernetesObject[]} objects
 * @param {string} kind
 * @param {string} name
 */
function named(objects, kind, name) {
  return present(
    ofKind(objects, kind).find((object) => object.metadata?.name === name),
    nameOf({ kind, metadata: { name } }),
  );
}

/**
 * @template T
 * @param {T | undefined | null} value
 * @param {string} what
 * @returns {T}
 */
function present(value, what) {
  if (value === undefined || value === null) throw new Error(`deployment/ has no ${what}`);
  return value;
}

/** A duration of Prometheus in seconds or minutes. */
function seconds(/** @type {string | undefined} */ text) {
  const [, digits, unit = ''] = /^([0-9]+)([sm])$/.exec(text ?? '') ?? [];
  return Number(present(digits, `duration ${String(text)}`)) * (unit === 'm' ? 60 : 1);
}

/** Over how long the adapter's rule takes the rate. */
function rateWindow(/** @type {KubernetesObject} */ { data = {} }) {
  return seconds(/rate\([^[]*\[(\w+)\]\)/.exec(data['config.yaml'] ?? '')?.[1]);
}

/** `maxmemory` of a redis.conf, in bytes. */
function memoryMax(/** @type {KubernetesObject} */ { data = {} }) {
  const [, digits] = /^maxmemory (\d+)gb$/m.exec(data['redis.conf'] ?? '') ?? [];
  return Number(present(digits, 'maxmemory of the sessions')) * 2 ** 30;
}
