// @ts-check
import {
  containersOf,
  isOurs,
  nameOf,
  ofKind,
  podLabels,
  podOf,
  selects,
  workloadsOf,
} from '../manifests.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Deployment} Deployment
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../manifests.mjs').KubernetesObject} KubernetesObject
 */

const NAMESPACE = 'caudal';
const SECRET_NAME = /(KEYS?|PASSWORD|TOKEN|SECRET|CREDENTIALS?)$/;
const SECRET_VALUE = /-----BEGIN|:\/\/[^/\s:@]+:[^@\s]+@/;
/** Kinds that belong to no namespace. */
const CLUSTER_KINDS = ['Namespace', 'ClusterRole', 'ClusterRoleBinding'];

/**
 * Services, ingresses, budgets and policies name pods, ports and services that exist.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function references({ objects }) {
  const workloads = workloadsOf(objects);
  const services = ofKind(objects, 'Service');
  const portsOf = (/** @type {KubernetesObject[]} */ selected) =>
    new Set(
      selected.flatMap((workload) =>
        containersOf(workload).flatMap(({ ports = [] }) =>
          ports.flatMap(({ name, containerPort }) => [name, containerPort]),
        ),
      ),
    );
  return [
    ...services.flatMap((service) => {
      const { selector, ports = [] } = service.spec ?? {};
      if (selector === undefined) return [];
      const selected = ofKind(workloads, 'Deployment', 'StatefulSet').filter((workload) =>
        selects({ matchLabels: /** @type {Record<string, string>} */ (selector) }, podLabels(workload)),
      );
      const operated = Object.keys(selector).some((key) => key.startsWith('cnpg.io/'));
      return found('references', nameOf(service), [
        selected.length === 0 && !operated && 'selects no pods',
        ...(selected.length === 0 ? [] : ports).map(
          ({ targetPort }) =>
            targetPort !== undefined &&
            !portsOf(selected).has(targetPort) &&
            `leads to port ${String(targetPort)}, which the pods do not have`,
        ),
      ]);
    }),
    ...ofKind(objects, 'Ingress').flatMap((ingress) => {
      const { rules = [], tls = [] } = ingress.spec ?? {};
      const backends = rules.flatMap(({ http }) =>
        (http?.paths ?? []).flatMap(({ backend }) => backend?.service ?? []),
      );
      const secured = new Set(
        tls.flatMap(({ hosts = [], secretName }) => (secretName === undefined ? [] : hosts)),
      );
      return found('references', nameOf(ingress), [
        ...backends.map(({ name, port }) => {
          const service = services.find(({ metadata }) => metadata?.name === name);
          const exists = service?.spec?.ports?.some(
            (own) => own.name === port?.name || own.port === port?.number,
          );
          return (
            exists !== true &&
            `leads to ${String(name)}, port ${String(port?.name ?? port?.number)}, which does not exist`
          );
        }),
        backends.some(({ port, name }) => port?.name === 'management' || name === 'caudal-management') &&
          'opens the management port to the world',
        ...rules.map(
          ({ host }) => (host === undefined || !secured.has(host)) && `${String(host)} has no certificate`,
        ),
      ]);
    }),
    ...workloads.flatMap((workload) =>
      found('references', nameOf(workload), [
        !selects(workload.spec?.selector, podLabels(workload)) && 'does not select its own pods',
        !ofKind(objects, 'ServiceAccount').some(
          ({ metadata }) => metadata?.name === podOf(workload).serviceAccountName,
        ) && 'has no service account of its own',
        ...[
          ...containersOf(workload).flatMap(({ envFrom = [] }) =>
            envFrom.map(({ configMapRef }) => configMapRef?.name),
          ),
          ...(podOf(workload).volumes ?? []).map(({ configMap }) => configMap?.name),
        ].map(
          (name) =>
            name !== undefined &&
            !ofKind(objects, 'ConfigMap').some(({ metadata }) => metadata?.name === name) &&
            `reads the ConfigMap ${name}, which does not exist`,
        ),
        ...containersOf(workload).flatMap(({ volumeMounts = [] }) =>
          volumeMounts.map(
            ({ name }) =>
              !(podOf(workload).volumes ?? []).some((volume) => volume.name === name) &&
              !(workload.spec?.volumeClaimTemplates ?? []).some(({ metadata }) => metadata?.name === name) &&
              `mounts ${String(name)}, which is no volume of the pod`,
          ),
        ),
      ]),
    ),
    ...objects
      .filter(({ kind = '' }) => !CLUSTER_KINDS.includes(kind))
      .flatMap((object) =>
        found('references', nameOf(object), [
          object.metadata?.namespace !== NAMESPACE && `is not in the namespace ${NAMESPACE}`,
        ]),
      ),
  ];
}

/**
 * Nothing is open that no policy opens, and every policy means pods that exist.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function networkPolicies({ objects }) {
  const policies = ofKind(objects, 'NetworkPolicy');
  const pods = workloadsOf(objects).map(podLabels);
  const denies = policies.some(({ spec = {} }) => {
    const { podSelector = {}, policyTypes = [], ingress, egress } = spec;
    return (
      Object.keys(podSelector).length === 0 &&
      policyTypes.includes('Ingress') &&
      policyTypes.includes('Egress') &&
      ingress === undefined &&
      egress === undefined
    );
  });
  const enters = (/** @type {string} */ component, /** @type {string | number} */ port) =>
    policies.some(
      ({ spec }) =>
        selects(
          spec?.podSelector,
          pods.find((labels) => labels['app.kubernetes.io/component'] === component) ?? {},
        ) && (spec?.ingress ?? []).some(({ ports = [] }) => ports.some((own) => own.port === port)),
    );
  return [
    ...found('network-policies', 'NetworkPolicy', [
      !denies && 'nothing denies by default',
      !enters('api', 'http') && 'the gateway does not reach the api',
      !enters('worker', 'management') && 'Prometheus does not reach the workers',
      !enters('pgbouncer', 6432) && 'the application does not reach PgBouncer',
    ]),
    ...policies.flatMap((policy) => {
      const rules = [...(policy.spec?.ingress ?? []), ...(policy.spec?.egress ?? [])];
      const external = Object.keys(policy.spec?.podSelector?.matchLabels ?? {}).some((key) =>
        key.startsWith('caudal.io/'),
      );
      return found('network-policies', nameOf(policy), [
        !external &&
          !pods.some((labels) => selects(policy.spec?.podSelector, labels)) &&
          'is for pods that do not exist',
        rules.some(({ from, to }) => (from ?? to ?? []).length === 0) && 'opens a way to or from everybody',
        rules.some(({ ports = [] }) => ports.length === 0) && 'opens every port',
      ]);
    }),
  ];
}

/**
 * Every setting is one that the application knows, with a value that it takes, and none is a secret.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function settings({ objects, settings: known }) {
  const workloads = workloadsOf(objects).filter((workload) => containersOf(workload).some(isOurs));
  const read = new Set(
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ envFrom = [] }) =>
        envFrom.flatMap(({ configMapRef }) => configMapRef?.name ?? []),
      ),
    ),
  );
  const check = (/** @type {string} */ name, /** @type {string | undefined} */ value) => {
    const setting = known.get(name);
    if (setting === undefined) return name !== 'NODE_OPTIONS' && `the application has no setting ${name}`;
    if (value === undefined) return false;
    if (setting.choices?.includes(value) === false) return `${name}: ${value} is not one of its values`;
    try {
      setting._parse(value);
      return false;
    } catch (error) {
      return `${name}: ${error instanceof Error ? error.message : String(error)}`;
    }
  };
  return [
    ...ofKind(objects, 'ConfigMap').flatMap((object) => {
      const entries = Object.entries(object.data ?? {});
      const isRead = read.has(object.metadata?.name ?? '');
      return found('settings', nameOf(object), [
        ...(isRead ? entries.map(([name, value]) => check(name, value)) : []),
        ...entries.map(
          ([name, value]) =>
            ((SECRET_NAME.test(name) && value !== '') || SECRET_VALUE.test(value)) && `${name} is a secret`,
        ),
      ]);
    }),
    ...ofKind(objects, 'Secret').flatMap((object) =>
      found('settings', nameOf(object), [
        Object.keys({ ...object.data, ...object.stringData }).length > 0 && 'a secret with its content',
      ]),
    ),
    ...workloads.flatMap((workload) =>
      containersOf(workload)
        .filter(isOurs)
        .flatMap(({ env = [] }) =>
          found('settings', nameOf(workload), [
            ...env.map(({ name = '', value }) => check(name, value)),
            ...env.map(
              ({ name = '', value }) =>
                value !== undefined && SECRET_NAME.test(name) && `${name} is a secret`,
            ),
            env.every(({ name }) => name !== 'DATABASE_URL') && 'has no DATABASE_URL',
          ]),
        ),
    ),
  ];
}

/**
 * The deployer cannot read secrets or give itself rights, and nothing has all of them.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function rights({ objects }) {
  const space = ofKind(objects, 'Namespace')[0];
  return [
    ...found('rights', 'Namespace', [
      space?.metadata?.labels?.['pod-security.kubernetes.io/enforce'] !== 'restricted' &&
        'does not enforce restricted pod security',
    ]),
    ...ofKind(objects, 'ClusterRole', 'ClusterRoleBinding').flatMap((object) =>
      found('rights', nameOf(object), ['rights over the whole cluster']),
    ),
    ...ofKind(objects, 'Role').flatMap((role) =>
      (role.rules ?? []).flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
        found('rights', nameOf(role), [
          [...apiGroups, ...resources, ...verbs].includes('*') && 'has everything of something',
          resources.includes('secrets') && 'reads secrets',
          apiGroups.includes('rbac.authorization.k8s.io') && 'can give itself rights',
        ]),
      ),
    ),
  ];
}
