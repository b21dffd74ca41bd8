// @ts-check
// The overlays that add to an installation. Where their definitions can be had, they are applied; of the others what
// Kubernetes itself knows is asked of the server, and the rest is named.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DEFINITIONS, goModule } from '../go-tools.mjs';
import { APPLY, overlay } from './installation.mjs';
import { objectsOf } from './simulated-nodes.mjs';

/**
 * @typedef {import('../control-plane.mjs').ControlPlane} ControlPlane
 * @typedef {import('../cache.mjs').Rehearsal} Rehearsal
 * @typedef {import('../../deploy/manifests.mjs').KubernetesObject} KubernetesObject
 */

const DEFINED = /** @type {const} */ ([
  { part: 'vpa', module: DEFINITIONS.verticalPodAutoscaler },
  { part: 'gateway-api', module: DEFINITIONS.gatewayApi },
  { part: 'monitoring', module: DEFINITIONS.prometheusOperator },
  { part: 'external-secrets', module: DEFINITIONS.externalSecrets },
]);
const UNDEFINED = ['backup', 'data', 'k6'];

/**
 * @param {ControlPlane} controlPlane
 * @param {Rehearsal} rehearsal
 */
export async function applyParts(controlPlane, { goal, leftOut }) {
  const { kubectl } = controlPlane;
  await kubectl(['create', 'namespace', 'monitoring']);
  for (const { part, module } of DEFINED) {
    const found = await goModule(module);
    if (found.path === undefined) {
      leftOut(`overlay ${part} (${found.reason})`);
      continue;
    }
    await kubectl(['apply', '--server-side', ...definitionsIn(join(found.path, module.place))]);
    await kubectl(['wait', '--for=condition=established', 'crd', '--all', '--timeout=60s']);
    const applied = (await kubectl([...APPLY, '-k', overlay(part)])).split('\n');
    const rendered = objectsOf(await kubectl(['kustomize', overlay(part)]));
    const wrong = rendered
      .filter(({ kind = '' }) => !['ConfigMap', 'Namespace'].includes(kind))
      .map(misspelt);
    const accepted = [];
    for (const object of wrong)
      if (await isAccepted(controlPlane, object)) accepted.push(String(object.kind));
    goal(
      applied.length === rendered.length && accepted.length === 0,
      `kubectl apply -k ${part}: ${String(applied.length)} objects by the definitions of ${module.module} ${module.version}; a wrong field in any of ${String(wrong.length)} ${accepted.length === 0 ? 'is refused' : `is accepted in ${accepted.join(', ')}`}`,
    );
  }
  const known = new Set((await kubectl(['api-resources', '--no-headers'])).split('\n').map(groupAndKind));
  const isKnown = ({ apiVersion = '', kind = '' }) => known.has(`${apiVersion} ${kind}`);
  /** @type {Set<string>} */
  const unknown = new Set();
  for (const part of UNDEFINED) {
    const objects = objectsOf(await kubectl(['kustomize', overlay(part)]));
    const ours = objects.filter(isKnown);
    for (const object of objects)
      if (!isKnown(object)) unknown.add(`${part}: ${object.kind ?? '?'} of ${object.apiVersion ?? '?'}`);
    if (ours.length === 0) continue;
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: ours });
    await kubectl([...APPLY, '--dry-run=server', '-f', '-'], list);
    goal(true, `overlay ${part}: the server takes the ${String(ours.length)} objects of its own kinds`);
  }
  leftOut(`kinds whose definitions cannot be had here: ${[...unknown].join(', ')}`);
}

/** A file, or all of a directory but what is kustomize's. @param {string} place @returns {string[]} */
const definitionsIn = (place) =>
  place.endsWith('.yaml')
    ? ['-f', place]
    : readdirSync(place)
        .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
        .flatMap((file) => ['-f', join(place, file)]);

/** @param {string} line NAME [SHORTNAMES] APIVERSION NAMESPACED KIND */
const groupAndKind = (line) => {
  const columns = line.trim().split(/\s+/);
  return `${columns.at(-3) ?? ''} ${columns.at(-1) ?? ''}`;
};

/** @param {KubernetesObject} object @returns {KubernetesObject} */
const misspelt = (object) => ({
  ...object,
  metadata: { ...object.metadata, name: `${object.metadata?.name ?? ''}-misspelt` },
  spec: { ...object.spec, ...{ misspelt: true } },
});

/** @param {ControlPlane} controlPlane @param {KubernetesObject} object */
const isAccepted = ({ kubectl }, object) =>
  kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], JSON.stringify(object)).then(
    () => true,
    () => false,
  );
