// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_GROUP } from './isolation.mjs';
import { NODE_ADDRESS, POD_RANGE } from './node-network.mjs';

export const NODE = 'node-1';

/**
 * The agent of the node, and what makes Services of rules. Both talk to the API server as `kubeconfig` says.
 *
 * @param {object} options
 * @param {string} options.state directory
 * @param {string} options.socket of containerd
 * @param {string} options.kubeconfig
 * @param {{ kubelet: string, kubeProxy: string }} options.programs
 * @param {import('../processes.mjs').Processes} options.processes
 */
export function startKubelet({ state, socket, kubeconfig, programs, processes }) {
  const directory = join(state, 'kubelet');
  mkdirSync(directory, { recursive: true });
  const write = (/** @type {string} */ name, /** @type {object} */ content) => {
    const path = join(directory, name);
    // JSON is YAML.
    writeFileSync(path, JSON.stringify(content, null, 2), { mode: 0o600 });
    return path;
  };
  const kubelet = write('kubelet.yaml', {
    ...{ apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' },
    ...{ containerRuntimeEndpoint: `unix://${socket}`, address: NODE_ADDRESS, readOnlyPort: 0 },
    // Nobody else is on this network.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    ...{ failCgroupV1: false, cgroupDriver: 'cgroupfs', cgroupRoot: `/${CONTROL_GROUP}` },
    ...{ enforceNodeAllocatable: [], oomScoreAdj: 0, failSwapOn: false, makeIPTablesUtilChains: false },
    ...{ clusterDNS: [NODE_ADDRESS], clusterDomain: 'cluster.local', resolvConf: '' },
    // The disk is the machine's: a rehearsal neither clears nor evicts for it.
    ...{ imageGCHighThresholdPercent: 100, imageGCLowThresholdPercent: 99 },
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    ...{ volumePluginDir: join(directory, 'plugins'), maxPods: 60, serializeImagePulls: false },
  });
  processes.start('kubelet', programs.kubelet, [
    ...[`--config=${kubelet}`, `--kubeconfig=${kubeconfig}`, `--root-dir=${join(directory, 'root')}`],
    ...[`--cert-dir=${join(directory, 'pki')}`, `--hostname-override=${NODE}`, `--node-ip=${NODE_ADDRESS}`],
    // The manifests of production spread over zones strictly: a node without one would get nothing.
    '--node-labels=topology.kubernetes.io/zone=zone-1',
  ]);
  const proxy = write('kube-proxy.yaml', {
    ...{ apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' },
    ...{ clientConnection: { kubeconfig }, hostnameOverride: NODE, mode: 'nftables' },
    ...{ clusterCIDR: POD_RANGE, bindAddress: NODE_ADDRESS, healthzBindAddress: `${NODE_ADDRESS}:10256` },
    // The table of connections is the machine's.
    conntrack: { maxPerCore: 0, min: 0 },
  });
  processes.start('kube-proxy', programs.kubeProxy, [`--config=${proxy}`]);
}
