// @ts-check
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseObjects } from '../../deploy/manifests.mjs';
import { findFreePort } from '../../services/ports.mjs';
import { Unavailable } from '../cache.mjs';
import { GO_MODULES, goModule, goTool } from '../go-tools.mjs';

/** @typedef {import('../control-plane.mjs').ControlPlane} ControlPlane */

export const ZONES = /** @type {const} */ (['a', 'b', 'c']);
const NODES_PER_ZONE = 10;
/** Room for the quota's pods several times over: what bounds the fleet is to be the quota. */
const ROOM = { cpu: '16', memory: '64Gi', 'ephemeral-storage': '200Gi', pods: '110' };

/** @param {string} name */
async function obtain(name) {
  const { path, reason } = await goTool(name);
  if (path === undefined) throw new Unavailable(reason);
  return path;
}

/**
 * Nodes in three zones whose pods run nowhere: kwok says of them what a kubelet would. metrics-server reads from it
 * how much CPU each pod uses, which is what `ClusterResourceUsage` says.
 *
 * @param {ControlPlane} controlPlane
 */
export async function startSimulatedNodes(controlPlane) {
  const { kubectl, authority, processes, kubeconfig } = controlPlane;
  const [kwok, metricsServer, files] = [
    await obtain('kwok'),
    await obtain('metrics-server'),
    await goModule(GO_MODULES.kwok),
  ];
  if (files.path === undefined) throw new Unavailable(files.reason);
  const kustomize = join(files.path, 'kustomize');
  const read = (/** @type {string} */ directory) =>
    readdirSync(join(kustomize, directory))
      .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
      .map((file) => readFileSync(join(kustomize, directory, file), 'utf8'))
      .join('\n---\n');
  await kubectl(['apply', '--server-side', '-f', '-'], read('crd/bases'));
  await kubectl(['wait', '--for=condition=established', 'crd', '--all', '--timeout=60s']);
  const stages = ['stage/pod/fast', 'stage/node/fast', 'stage/node/heartbeat-with-lease'];
  await kubectl(['apply', '-f', '-'], [...stages, 'metrics/resource'].map(read).join('\n---\n'));

  const port = await findFreePort();
  const serving = await authority.server('kwok', ['127.0.0.1']);
  processes.start('kwok', kwok, [
    ...[`--kubeconfig=${kubeconfig}`, '--manage-all-nodes', '--node-ip=127.0.0.1'],
    ...[`--node-port=${String(port)}`, `--server-address=127.0.0.1:${String(port)}`],
    ...[`--tls-cert-file=${serving.certificate}`, `--tls-private-key-file=${serving.key}`],
    // Without leases a node is taken for lost.
    '--node-lease-duration-seconds=40',
    ...['Stage', 'Metric', 'ClusterResourceUsage'].map((kind) => `--enable-crds=${kind}`),
  ]);
  const names = ZONES.flatMap((zone) =>
    Array.from({ length: NODES_PER_ZONE }, (_, index) => ({ zone, name: `node-${zone}-${String(index)}` })),
  );
  await kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({ kind: 'List', apiVersion: 'v1', items: names.map(nodeOf) }),
  );
  await kubectl(['wait', '--for=condition=ready', 'node', '--all', '--timeout=120s']);
  await startMetricsServer(controlPlane, metricsServer);
  await kubectl(['wait', '--for=condition=available', 'apiservice/v1beta1.metrics.k8s.io', '--timeout=120s']);
  return names.length;
}

/** @param {{ zone: string, name: string }} node */
const nodeOf = ({ zone, name }) => ({
  ...{ apiVersion: 'v1', kind: 'Node' },
  metadata: {
    name,
    labels: {
      ...{ 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
      ...{ 'topology.kubernetes.io/zone': zone, type: 'kwok' },
    },
    annotations: {
      'kwok.x-k8s.io/node': 'fake',
      'metrics.k8s.io/resource-metrics-path': `/metrics/nodes/${name}/metrics/resource`,
    },
  },
  status: { allocatable: ROOM, capacity: ROOM },
});

/** @param {ControlPlane} controlPlane @param {string} program */
async function startMetricsServer({ kubectl, authority, processes, kubeconfig }, program) {
  const port = await findFreePort();
  const serving = await authority.server('metrics-server', ['localhost', 'metrics-server.kube-system.svc']);
  processes.start('metrics-server', program, [
    ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
      (x) => `--${x}=${kubeconfig}`,
    ),
    ...[`--secure-port=${String(port)}`, '--bind-address=127.0.0.1'],
    ...[`--tls-cert-file=${serving.certificate}`, `--tls-private-key-file=${serving.key}`],
    ...['--kubelet-use-node-status-port', '--kubelet-insecure-tls', '--kubelet-request-timeout=5s'],
    ...['--kubelet-preferred-address-types=InternalIP', '--metric-resolution=15s'],
  ]);
  await kubectl(
    ['apply', '-f', '-'],
    JSON.stringify(
      apiServiceAt({ name: 'metrics-server', group: 'metrics.k8s.io', version: 'v1beta1', port }),
    ),
  );
}

/**
 * Brings a group of the API to a server of this machine: loopback has a name, and no certificate that is worth a check.
 *
 * @param {{ name: string, group: string, version: string, port: number }} options
 */
export const apiServiceAt = ({ name, group, version, port }) => ({
  ...{ apiVersion: 'v1', kind: 'List' },
  items: [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'kube-system' } },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    },
    {
      ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
      metadata: { name: `${version}.${group}` },
      spec: {
        ...{ group, version, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true },
        service: { name, namespace: 'kube-system', port },
      },
    },
  ],
});

/**
 * From now on a pod is ready that long after it was scheduled, and gone that long after it was told to end: kwok
 * does both at once, and the fleet would be faster than any real one.
 *
 * @param {ControlPlane} controlPlane
 * @param {{ startMs: number, endMs: number }} times
 */
export async function slowPodsDown({ kubectl }, { startMs, endMs }) {
  const delay = (/** @type {number} */ durationMilliseconds) =>
    JSON.stringify({ spec: { delay: { durationMilliseconds } } });
  await kubectl(['patch', 'stage', 'pod-ready', '--type=merge', '-p', delay(startMs)]);
  await kubectl(['patch', 'stage', 'pod-delete', '--type=merge', '-p', delay(endMs)]);
}

/**
 * How much of a core each pod of the API uses.
 *
 * @param {ControlPlane} controlPlane
 * @param {number} cores
 */
export async function setCpuUsage({ kubectl }, cores) {
  await kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({
      ...{ apiVersion: 'kwok.x-k8s.io/v1alpha1', kind: 'ClusterResourceUsage', metadata: { name: 'api' } },
      spec: {
        selector: { matchNamespaces: ['caudal'] },
        usages: [
          {
            containers: ['api'],
            usage: { cpu: { value: `${String(Math.round(cores * 1000))}m` }, memory: { value: '512Mi' } },
          },
        ],
      },
    }),
  );
}

/** The manifests of a string, for those who read them. @param {string} text */
export const objectsOf = (text) => parseObjects(text, 'rendering');
