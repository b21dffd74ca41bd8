// @ts-check
// A real Kubernetes control plane for as long as a rehearsal takes: etcd, API server, controller manager and scheduler,
// built from their Go modules, with certificates, data and logs in a directory of their own. It listens on loopback, or
// on the one address it is given, and has no nodes: a kubelet or kwok brings them.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../services/ports.mjs';
import { Unavailable, pause, run } from './cache.mjs';
import { Authority, createTokenKeys, writeKubeconfig } from './control-plane/authority.mjs';
import { goTool } from './go-tools.mjs';
import { Processes } from './processes.mjs';

const LOOPBACK = '127.0.0.1';
/** Seen: 8 s on an idle machine. */
const READY_MS = 180_000;
const KUBECTL_MS = 180_000;

/**
 * @typedef {object} ControlPlaneOptions
 * @property {string} [address] that the API server listens on and that clients use; loopback when not given. Pods
 *   reach an API server only on another one (an address added to `lo` will do)
 * @property {string} [serviceCidr] default 10.96.0.0/16; its first address is that of the API server for pods
 * @property {{ apiServer?: string[], controllerManager?: string[], scheduler?: string[] }} [flags] added to ours
 *
 * @typedef {object} ControlPlane
 * @property {string} server its URL
 * @property {string} kubeconfig of an administrator
 * @property {(args: readonly string[], input?: string) => Promise<string>} kubectl what it printed; rejects with what
 *   it said on standard error when it fails
 * @property {Authority} authority for certificates of clients and kubelets: `client('node-1', 'system:node:node-1',
 *   ['system:nodes'])`, `server('node-1-serving', ['10.0.0.1'])`
 * @property {import('./control-plane/authority.mjs').Identity} administrator
 * @property {(name: string, user: string, groups?: readonly string[]) => Promise<string>} kubeconfigFor another user
 * @property {string} directory of data, certificates and logs; `close` removes it
 * @property {Processes} processes add to it what is to end before the control plane
 * @property {() => Promise<void>} close ends everything
 */

/** @param {readonly string[]} names @returns {Promise<Map<string, string>>} */
async function findPrograms(names) {
  /** @type {Map<string, string>} */
  const paths = new Map();
  for (const name of names) {
    const { path, reason } = await goTool(name);
    if (path === undefined) throw new Unavailable(reason);
    paths.set(name, path);
  }
  return paths;
}

/**
 * Resolves when the API server is ready and its controllers work. Throws Unavailable when the programs cannot be had.
 *
 * @param {ControlPlaneOptions} [options]
 * @returns {Promise<ControlPlane>}
 */
export async function startControlPlane({
  address = LOOPBACK,
  serviceCidr = '10.96.0.0/16',
  flags = {},
} = {}) {
  const programs = await findPrograms([
    ...['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'],
  ]);
  const program = (/** @type {string} */ name) => programs.get(name) ?? name;
  const directory = mkdtempSync(join(tmpdir(), 'caudal-control-plane-'));
  chmodSync(directory, 0o700);
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  const processes = new Processes(logs, [directory]);
  const close = async () => {
    await processes.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const [apiPort, etcdPort, peerPort, managerPort, schedulerPort] = await Promise.all(
      Array.from({ length: 5 }, findFreePort),
    );
    const server = `https://${address}:${String(apiPort)}`;
    const authority = await Authority.create(directory, 'authority');
    const proxyAuthority = await Authority.create(directory, 'proxy-authority');
    const tokens = createTokenKeys(directory);
    const etcd = await authority.server('etcd', [LOOPBACK]);
    const etcdClient = await authority.client('etcd-client', 'etcd-client');
    const serving = await authority.server('kube-apiserver', [
      ...new Set([LOOPBACK, address, firstAddress(serviceCidr), 'localhost']),
      ...[
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
      ],
    ]);
    const toKubelets = await authority.client('to-kubelets', 'kube-apiserver-to-kubelets', [
      'system:masters',
    ]);
    const frontProxy = await proxyAuthority.client('front-proxy', 'front-proxy');
    const administrator = await authority.client('administrator', 'administrator', ['system:masters']);
    const configOf = (
      /** @type {string} */ name,
      /** @type {import('./control-plane/authority.mjs').Identity} */ identity,
    ) =>
      writeKubeconfig({
        ...{ path: join(directory, `${name}.kubeconfig`), server, identity },
        authority: authority.certificate,
      });
    /** @type {ControlPlane['kubeconfigFor']} */
    const kubeconfigFor = async (name, user, groups = []) =>
      configOf(name, await authority.client(name, user, groups));
    const kubeconfig = configOf('administrator', administrator);
    const managerConfig = await kubeconfigFor('kube-controller-manager', 'system:kube-controller-manager');
    const schedulerConfig = await kubeconfigFor('kube-scheduler', 'system:kube-scheduler');

    const etcdUrl = `https://${LOOPBACK}:${String(etcdPort)}`;
    const peerUrl = `http://${LOOPBACK}:${String(peerPort)}`;
    processes.start('etcd', program('etcd'), [
      ...[`--data-dir=${join(directory, 'etcd')}`, '--name=rehearsal', '--log-level=warn'],
      ...[`--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
      ...[`--initial-cluster=rehearsal=${peerUrl}`, '--client-cert-auth'],
      ...[`--cert-file=${etcd.certificate}`, `--key-file=${etcd.key}`],
      `--trusted-ca-file=${authority.certificate}`,
      // What a rehearsal writes need not survive the machine.
      '--unsafe-no-fsync',
    ]);
    processes.start('kube-apiserver', program('kube-apiserver'), [
      ...[`--etcd-servers=${etcdUrl}`, `--etcd-cafile=${authority.certificate}`],
      ...[`--etcd-certfile=${etcdClient.certificate}`, `--etcd-keyfile=${etcdClient.key}`],
      ...[`--bind-address=${address}`, `--advertise-address=${address}`, `--secure-port=${String(apiPort)}`],
      // An Endpoints object refuses loopback.
      ...(address === LOOPBACK ? ['--endpoint-reconciler-type=none'] : []),
      ...[`--tls-cert-file=${serving.certificate}`, `--tls-private-key-file=${serving.key}`],
      ...[`--client-ca-file=${authority.certificate}`, '--authorization-mode=Node,RBAC'],
      ...[
        `--service-cluster-ip-range=${serviceCidr}`,
        '--service-account-issuer=https://kubernetes.default.svc',
      ],
      ...[
        `--service-account-key-file=${tokens.public}`,
        `--service-account-signing-key-file=${tokens.private}`,
      ],
      ...[`--kubelet-client-certificate=${toKubelets.certificate}`, `--kubelet-client-key=${toKubelets.key}`],
      // For API servers behind this one, such as that of the metrics.
      ...[`--requestheader-client-ca-file=${proxyAuthority.certificate}`],
      ...['--requestheader-allowed-names=front-proxy', '--requestheader-username-headers=X-Remote-User'],
      ...[
        '--requestheader-group-headers=X-Remote-Group',
        '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      ],
      ...[`--proxy-client-cert-file=${frontProxy.certificate}`, `--proxy-client-key-file=${frontProxy.key}`],
      // Or every privileged pod would be refused by this server and none by the namespace that is to refuse it.
      '--allow-privileged=true',
      ...(flags.apiServer ?? []),
    ]);
    /** @type {ControlPlane['kubectl']} */
    const kubectl = (args, input) =>
      run(program('kubectl'), [`--kubeconfig=${kubeconfig}`, ...args], {
        timeoutMs: KUBECTL_MS,
        ...(input !== undefined && { input }),
      });
    const deadlineMs = performance.now() + READY_MS;
    await waitFor('the API server', deadlineMs, processes, () => kubectl(['get', '--raw', '/readyz']));

    processes.start('kube-controller-manager', program('kube-controller-manager'), [
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (x) => `--${x}=${managerConfig}`,
      ),
      ...[`--bind-address=${LOOPBACK}`, `--secure-port=${String(managerPort)}`, '--leader-elect=false'],
      ...[`--service-account-private-key-file=${tokens.private}`, `--root-ca-file=${authority.certificate}`],
      ...[
        `--cluster-signing-cert-file=${authority.certificate}`,
        `--cluster-signing-key-file=${authority.key}`,
      ],
      '--use-service-account-credentials=true',
      ...(flags.controllerManager ?? []),
    ]);
    processes.start('kube-scheduler', program('kube-scheduler'), [
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (x) => `--${x}=${schedulerConfig}`,
      ),
      ...[`--bind-address=${LOOPBACK}`, `--secure-port=${String(schedulerPort)}`, '--leader-elect=false'],
      ...(flags.scheduler ?? []),
    ]);
    // Without it no pod is admitted; a controller makes it.
    await waitFor('the controller manager', deadlineMs, processes, () =>
      kubectl(['get', 'serviceaccount', 'default']),
    );
    return {
      server,
      kubeconfig,
      kubectl,
      authority,
      administrator,
      kubeconfigFor,
      directory,
      processes,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * @param {string} what
 * @param {number} deadlineMs
 * @param {Processes} processes
 * @param {() => Promise<unknown>} isReady
 */
async function waitFor(what, deadlineMs, processes, isReady) {
  for (;;) {
    try {
      await isReady();
      return;
    } catch (error) {
      const failure = processes.failure();
      if (failure !== undefined) throw new Error(failure, { cause: error });
      if (performance.now() > deadlineMs) throw new Error(`${what} is not ready in time`, { cause: error });
      await pause(200);
    }
  }
}

/** @param {string} cidr */
function firstAddress(cidr) {
  const [network = ''] = cidr.split('/');
  const parts = network.split('.');
  return [...parts.slice(0, 3), String(Number(parts[3]) + 1)].join('.');
}
