// @ts-check
// The manifests of production, with what one small node cannot have made smaller.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { parseObjects } from '../../deploy/manifests.mjs';
import { PROJECT } from '../../setup/project.mjs';

export const REPLICAS = 3;

/** What it changes, for the timeline. */
export const CHANGES = [
  'requests and limits of CPU and memory (API and worker 512Mi)',
  `the autoscaler's minimum 20 -> ${String(REPLICAS)}, workers 3 -> 1`,
  'LOAD_SHEDDING_DELAY_TARGET_MS 50 -> 1000: no pod has a core of its own here, and none is to turn requests away for that',
  'minReadySeconds 20 -> 1: restarts follow one another faster',
  'imagePullPolicy Always -> Never: the images are on the node, and there is no registry',
];

/** @param {string} kind @param {string} name @param {unknown[]} patch */
const patchOf = (kind, name, patch) => ({ target: { kind, name }, patch: JSON.stringify(patch) });
/** @param {string} path @param {unknown} value */
const replace = (path, value) => ({ op: 'replace', path, value });
const CONTAINER = '/spec/template/spec/containers/0';
/** @param {string} cpu @param {string} memory */
const smaller = (cpu, memory) => [
  replace(`${CONTAINER}/imagePullPolicy`, 'Never'),
  replace(`${CONTAINER}/resources/requests/cpu`, cpu),
  replace(`${CONTAINER}/resources/requests/memory`, memory),
  replace(`${CONTAINER}/resources/limits/memory`, memory),
];

/** @param {string} state directory @returns {string} of the overlay */
export function writeOverlay(state) {
  const directory = join(state, 'overlay');
  mkdirSync(directory, { recursive: true });
  const overlay = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
    resources: [relative(directory, join(PROJECT, 'deployment/overlays/production'))],
    patches: [
      patchOf('Deployment', 'caudal-api', [...smaller('50m', '512Mi'), replace('/spec/minReadySeconds', 1)]),
      patchOf('Deployment', 'caudal-worker', [
        ...smaller('50m', '512Mi'),
        replace('/spec/minReadySeconds', 1),
        replace('/spec/replicas', 1),
      ]),
      patchOf('Deployment', 'caudal-pgbouncer', [
        ...smaller('20m', '128Mi'),
        replace('/spec/minReadySeconds', 1),
      ]),
      patchOf('Job', 'caudal-migrate', smaller('50m', '512Mi')),
      patchOf('ConfigMap', 'caudal-config', [
        { op: 'add', path: '/data/LOAD_SHEDDING_DELAY_TARGET_MS', value: '1000' },
      ]),
      patchOf('HorizontalPodAutoscaler', 'caudal-api', [replace('/spec/minReplicas', REPLICAS)]),
    ],
  };
  writeFileSync(join(directory, 'kustomization.yaml'), stringify(overlay));
  return directory;
}

/**
 * The objects in the order of docs/operations.md: what the migration needs, the migration, and the rest.
 *
 * @param {string} rendered
 */
export function inOrder(rendered) {
  const objects = parseObjects(rendered, 'the overlay');
  const isLate = (/** @type {{ kind?: string, metadata?: { name?: string } }} */ { kind, metadata }) =>
    ['HorizontalPodAutoscaler', 'PodDisruptionBudget', 'Ingress'].includes(kind ?? '') ||
    /^caudal-(api|worker|management)$/.test(kind === 'ServiceAccount' ? '' : (metadata?.name ?? ''));
  return {
    before: objects.filter((object) => object.kind !== 'Job' && !isLate(object)),
    migration: objects.filter(({ kind }) => kind === 'Job'),
    after: objects.filter((object) => object.kind !== 'Job' && isLate(object)),
  };
}
