// @ts-check
import { colours } from './rules/compose-colour-rules.mjs';
import { composeBackup } from './rules/compose-backup-rules.mjs';
import { composeConnections, composePostgres, composeRedis } from './rules/compose-data-rules.mjs';
import * as compose from './rules/compose-rules.mjs';
import { connections, disruption, quota, scaling } from './rules/capacity-rules.mjs';
import { containersOf, ofKind, podOf, workloadsOf } from './manifests.mjs';
import { firewall } from './rules/firewall-rules.mjs';
import { found, probes, resources, restrictedPods, shutdown } from './rules/pod-rules.mjs';
import { scalers } from './rules/scaler-rules.mjs';
import { schedules } from './rules/schedule-rules.mjs';
import { networkPolicies, references, rights, settings } from './rules/wiring-rules.mjs';

/**
 * The invariants of one rendering of the manifests. Pure: no file, no cluster, no clock.
 *
 * @param {import('./manifests.mjs').Deployment} deployment
 * @returns {import('./manifests.mjs').Finding[]}
 */
export function checkManifests(deployment) {
  return [
    restrictedPods,
    resources,
    probes,
    shutdown,
    quota,
    connections,
    scaling,
    scalers,
    schedules,
    disruption,
    references,
    networkPolicies,
    settings,
    rights,
  ].flatMap((rule) => rule(deployment));
}

/**
 * The invariants of the compose stack, alone or with an overlay. Pure as well.
 *
 * @param {import('./compose-stack.mjs').Stack} stack
 * @returns {import('./manifests.mjs').Finding[]}
 */
export function checkStack(stack) {
  return [
    compose.exposure,
    compose.containers,
    compose.shutdown,
    compose.order,
    compose.secretsAndSettings,
    colours,
    composeConnections,
    composePostgres,
    composeRedis,
    firewall,
    composeBackup,
  ].flatMap((rule) => rule(stack));
}

/**
 * What holds for a part of an installation as well: its pods, its times, and that nothing in it is a secret.
 *
 * @param {import('./manifests.mjs').Deployment} deployment
 * @returns {import('./manifests.mjs').Finding[]}
 */
export function checkPart(deployment) {
  return [restrictedPods, resources, schedules, settings].flatMap((rule) => rule(deployment));
}

/**
 * Every secret that the workloads read by name has a source with all of its keys.
 *
 * @param {import('./manifests.mjs').KubernetesObject[]} base
 * @param {import('./manifests.mjs').KubernetesObject[]} sources the ExternalSecrets
 * @returns {import('./manifests.mjs').Finding[]}
 */
export function checkSecretSources(base, sources) {
  const provided = new Set(
    ofKind(sources, 'ExternalSecret').flatMap(({ metadata, spec }) => {
      const { data = [] } = /** @type {{ data?: { secretKey?: string }[] }} */ (spec ?? {});
      const name = metadata?.name ?? '';
      return [name, ...data.map(({ secretKey = '' }) => `${name}/${secretKey}`)];
    }),
  );
  const read = workloadsOf(base).flatMap((workload) => [
    ...containersOf(workload).flatMap(({ env = [] }) =>
      env.flatMap(({ valueFrom }) =>
        valueFrom?.secretKeyRef === undefined
          ? []
          : [`${valueFrom.secretKeyRef.name ?? ''}/${valueFrom.secretKeyRef.key ?? ''}`],
      ),
    ),
    ...(podOf(workload).volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []),
  ]);
  return found(
    'secret-sources',
    'ExternalSecret',
    [...new Set(read)].map((name) => !provided.has(name) && `nothing provides ${name}`),
  );
}
