// @ts-check
// Which connections the installation needs, and which it must not have.
import { parseJson } from '../../services/json-file.mjs';
import { allowedBy, policiesFor } from './network-policies.mjs';

/**
 * @typedef {import('../../deploy/kubernetes-objects.d.ts').KubernetesObject} KubernetesObject
 * @typedef {import('./network-policies.mjs').Peer} Peer
 */

/** @param {string} name @param {string} namespace @param {Record<string, string>} namespaceLabels @returns {Peer} */
const elsewhere = (name, namespace, namespaceLabels) => ({
  ...{ name, namespace, labels: {}, ports: {} },
  namespaceLabels: { 'kubernetes.io/metadata.name': namespace, ...namespaceLabels },
});
const GATEWAY = elsewhere('the gateway', 'ingress', { 'caudal.io/access': 'gateway' });
const MONITORING = elsewhere('monitoring', 'monitoring', { 'caudal.io/access': 'monitoring' });
const DATA = elsewhere('data stores', 'data', { 'caudal.io/access': 'data' });
const DNS = elsewhere('DNS', 'kube-system', {});
const STRANGER = elsewhere('a stranger', 'default', {});

/**
 * Compares the policies on the server with the pods on the node.
 *
 * @param {import('../control-plane.mjs').ControlPlane['kubectl']} kubectl
 * @param {import('../cache.mjs').Rehearsal} rehearsal
 */
export async function checkConnections(kubectl, { say, goal }) {
  const get = async (/** @type {string} */ kind) => {
    const text = await kubectl(['get', kind, '--namespace', 'caudal', '--output=json']);
    return /** @type {{ items: KubernetesObject[] }} */ (parseJson(text)).items;
  };
  const [policies, pods] = [await get('networkpolicies'), (await get('pods')).map(peerOf)];
  const bare = pods.filter(
    (pod) =>
      policiesFor(policies, pod, 'Ingress').length === 0 || policiesFor(policies, pod, 'Egress').length === 0,
  );
  goal(
    pods.length > 0 && bare.length === 0,
    `policies: each of ${String(pods.length)} pods is denied everything by default, in both directions`,
  );
  const of = (/** @type {string} */ component) =>
    pods.filter(({ labels }) => labels['app.kubernetes.io/component'] === component);
  const [api, worker, pgbouncer, migrate] = [of('api'), of('worker'), of('pgbouncer'), of('migrate')];
  const [application, ours] = [
    [...api, ...worker],
    [...api, ...worker, ...pgbouncer, ...migrate],
  ];
  /** @type {[Peer[], Peer[], number, string?][]} */
  const needed = [
    [[GATEWAY], api, 3000],
    [[MONITORING], application, 9464],
    [application, pgbouncer, 6432],
    [application, [DATA], 6379],
    [application, [MONITORING], 4318],
    [[...pgbouncer, ...migrate], [DATA], 5432],
    [ours, [DNS], 53, 'UDP'],
    [ours, [DNS], 53, 'TCP'],
  ];
  /** @type {typeof needed} */
  const forbidden = [
    [[GATEWAY], application, 9464],
    [[STRANGER], ours, 3000],
    [[STRANGER], application, 9464],
    [[STRANGER, ...migrate], pgbouncer, 6432],
    [[MONITORING], api, 3000],
    [application, [DATA], 5432],
    [application, [STRANGER], 443],
    [pgbouncer, [STRANGER], 443],
    [migrate, [DATA], 6379],
  ];
  const judge = (/** @type {typeof needed} */ list, /** @type {boolean} */ isNeeded) =>
    list.flatMap(([froms, tos, port, protocol = 'TCP']) => {
      if (froms.length === 0 || tos.length === 0) return [`no pod to ask about port ${String(port)}`];
      return froms.flatMap((from) =>
        tos.flatMap((to) => {
          const by = allowedBy(policies, { from, to, port, protocol });
          return (by !== null) === isNeeded
            ? []
            : [`${from.name} to ${to.name}:${String(port)} ${by ?? 'denied'}`];
        }),
      );
    });
  for (const [froms, tos, port, protocol = 'TCP'] of needed) {
    const [from, to] = [froms[0], tos[0]];
    if (from !== undefined && to !== undefined)
      say(
        `  ${from.name} -> ${to.name}:${String(port)} by ${allowedBy(policies, { from, to, port, protocol }) ?? 'nothing'}`,
      );
  }
  const wrong = [...judge(needed, true), ...judge(forbidden, false)];
  goal(
    wrong.length === 0,
    `policies: ${String(needed.length)} kinds of connections are allowed and ${String(forbidden.length)} are not${wrong.length === 0 ? '' : `: ${wrong.slice(0, 5).join('; ')}`}`,
  );
}

/** @param {KubernetesObject & { spec?: { containers?: import('../../deploy/kubernetes-objects.d.ts').Container[] } }} pod @returns {Peer} */
const peerOf = ({ metadata, spec }) => ({
  ...{ name: metadata?.name ?? '?', namespace: metadata?.namespace ?? '', labels: metadata?.labels ?? {} },
  namespaceLabels: { 'kubernetes.io/metadata.name': metadata?.namespace ?? '' },
  ports: Object.fromEntries(
    (spec?.containers ?? []).flatMap(({ ports = [] }) =>
      ports.map(({ name = '', containerPort = 0 }) => [name, containerPort]),
    ),
  ),
});
