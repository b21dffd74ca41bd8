// @ts-check
import { connections, disruption, quota, scaling } from './rules/capacity-rules.mjs';
import { probes, resources, restrictedPods, shutdown } from './rules/pod-rules.mjs';
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
    disruption,
    references,
    networkPolicies,
    settings,
    rights,
  ].flatMap((rule) => rule(deployment));
}
