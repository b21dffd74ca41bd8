// @ts-check
// What NetworkPolicies allow, by the rules of their API (networking.k8s.io/v1): a pod that a policy selects may do what
// some policy allows, and nothing else; one that none selects may do everything. The node's network does not enforce
// them, so this says what one that does would.
import { selects } from '../../deploy/manifests.mjs';

/**
 * @typedef {import('../../deploy/kubernetes-objects.d.ts').KubernetesObject} KubernetesObject
 * @typedef {import('../../deploy/kubernetes-objects.d.ts').PolicyRule} PolicyRule
 *
 * @typedef {object} Peer one end of a connection
 * @property {string} name
 * @property {string} namespace
 * @property {Record<string, string>} namespaceLabels
 * @property {Record<string, string>} labels
 * @property {Record<string, number>} ports by name
 *
 * @typedef {{ from: Peer, to: Peer, port: number, protocol?: string }} Connection
 */

/** Policies that hold for a pod in one direction. @param {readonly KubernetesObject[]} policies @param {Peer} pod @param {'Ingress' | 'Egress'} direction */
export const policiesFor = (policies, pod, direction) =>
  policies.filter(
    ({ metadata, spec }) =>
      metadata?.namespace === pod.namespace &&
      (spec?.policyTypes ?? ['Ingress']).includes(direction) &&
      selects(spec?.podSelector, pod.labels),
  );

/**
 * The policies by which a connection is allowed, at both ends; null when one of them forbids it.
 *
 * @param {readonly KubernetesObject[]} policies
 * @param {Connection} connection
 * @returns {string | null}
 */
export function allowedBy(policies, connection) {
  const { from, to } = connection;
  const ends = /** @type {const} */ ([
    ['Egress', from, to],
    ['Ingress', to, from],
  ]);
  /** @type {string[]} */
  const names = [];
  for (const [direction, pod, other] of ends) {
    const holding = policiesFor(policies, pod, direction);
    if (holding.length === 0) continue;
    const policy = holding.find(({ metadata, spec }) => {
      const rules = (direction === 'Ingress' ? spec?.ingress : spec?.egress) ?? [];
      return rules.some((rule) => matches(rule, direction, metadata?.namespace ?? '', other, connection));
    });
    if (policy === undefined) return null;
    names.push(policy.metadata?.name ?? '?');
  }
  return names.length === 0 ? 'no policy' : names.join(' + ');
}

/**
 * @param {PolicyRule} rule
 * @param {'Ingress' | 'Egress'} direction
 * @param {string} namespace of the policy
 * @param {Peer} other
 * @param {Connection} connection
 */
function matches(rule, direction, namespace, other, { to, port, protocol = 'TCP' }) {
  const peers = direction === 'Ingress' ? rule.from : rule.to;
  const isPeer =
    peers === undefined ||
    peers.some(({ podSelector, namespaceSelector }) => {
      if (podSelector === undefined && namespaceSelector === undefined)
        throw new Error('only peers by labels are understood');
      const isInNamespace =
        namespaceSelector === undefined
          ? other.namespace === namespace
          : selects(namespaceSelector, other.namespaceLabels);
      return isInNamespace && (podSelector === undefined || selects(podSelector, other.labels));
    });
  const isPort =
    rule.ports === undefined ||
    rule.ports.some(
      (each) =>
        (each.protocol ?? 'TCP') === protocol &&
        (each.port === undefined || each.port === port || to.ports[String(each.port)] === port),
    );
  return isPeer && isPort;
}
