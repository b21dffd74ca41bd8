// @ts-check
// The manifests, applied as docs/operations.md says: file by file, and by kustomize.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../../setup/project.mjs';
import { until } from '../cache.mjs';
import { secretsFor } from './secrets.mjs';
import { objectsOf } from './simulated-nodes.mjs';

/**
 * @typedef {import('../control-plane.mjs').ControlPlane} ControlPlane
 * @typedef {import('../cache.mjs').Rehearsal} Rehearsal
 */

const BASE = join(PROJECT, 'deployment/k8s');
export const overlay = (/** @type {string} */ name) => join(PROJECT, 'deployment/overlays', name);
/** What the server warns of (restricted pods, old versions) is a refusal here. */
export const APPLY = ['apply', '--warnings-as-errors'];
const READY_MS = 240_000;

/** The commands of the guide, one by one, each with its files where they are. */
function documentedCommands() {
  const guide = readFileSync(join(PROJECT, 'docs/operations.md'), 'utf8');
  const block = /```sh\ncd deployment\/k8s\n([\s\S]*?)```/.exec(guide)?.[1];
  if (block === undefined) throw new Error('docs/operations.md does not say how the base is applied');
  return block
    .split(/\n|&&/)
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter(([program]) => program === 'kubectl')
    .map(([, ...args]) => args.map((arg) => (arg.endsWith('.yaml') ? join(BASE, arg) : arg)));
}

/**
 * @param {ControlPlane} controlPlane
 * @param {string} rendered
 */
async function createSecrets({ kubectl }, rendered) {
  const items = secretsFor(objectsOf(rendered));
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return items.length;
}

/**
 * By `kubectl apply -f`, in the order of the guide; Secrets as soon as their namespace is there.
 *
 * @param {ControlPlane} controlPlane
 * @param {Rehearsal} rehearsal
 */
export async function applyFiles(controlPlane, { say, goal }) {
  const { kubectl } = controlPlane;
  const rendered = await kubectl(['kustomize', BASE]);
  const commands = documentedCommands();
  for (const [index, args] of commands.entries()) {
    await kubectl(args[0] === 'apply' ? [...APPLY, ...args.slice(1)] : args);
    if (index === 0)
      say(`namespace; ${String(await createSecrets(controlPlane, rendered))} Secrets made by name`);
  }
  await waitForPods(controlPlane);
  goal(
    true,
    `kubectl apply -f, ${String(commands.length)} commands of docs/operations.md: pods ready, migration done`,
  );
}

/**
 * By `kubectl apply -k`, the namespace and the Secrets before.
 *
 * @param {ControlPlane} controlPlane
 * @param {Rehearsal} rehearsal
 * @param {string} name
 */
export async function applyOverlay(controlPlane, { goal }, name) {
  const { kubectl } = controlPlane;
  const rendered = await kubectl(['kustomize', overlay(name)]);
  await kubectl([...APPLY, '-f', join(BASE, 'namespace.yaml')]);
  await createSecrets(controlPlane, rendered);
  await kubectl([...APPLY, '-k', overlay(name)]);
  const pods = await waitForPods(controlPlane);
  // What apply says of a second time is of no use: it names budgets that it has not changed.
  const differences = await kubectl(['diff', '-k', overlay(name)]).then(
    () => 'nothing',
    (/** @type {unknown} */ error) => String(error),
  );
  goal(
    differences === 'nothing',
    `kubectl apply -k ${name}: ${String(objectsOf(rendered).length)} objects, ${String(pods)} API pods ready; a second time would change ${differences}`,
  );
}

/**
 * A rendered installation, the namespace and the Secrets before.
 *
 * @param {ControlPlane} controlPlane
 * @param {string} rendered
 * @param {string} autoscaler its name
 */
export async function applyObjects(controlPlane, rendered, autoscaler) {
  const { kubectl } = controlPlane;
  await kubectl([...APPLY, '-f', join(BASE, 'namespace.yaml')]);
  await createSecrets(controlPlane, rendered);
  await kubectl([...APPLY, '-f', '-'], rendered);
  return waitForPods(controlPlane, autoscaler);
}

/**
 * The Deployments and the Job are done, and the autoscaler has its minimum.
 *
 * @param {ControlPlane} controlPlane
 * @param {string} [autoscaler] its name
 */
async function waitForPods({ kubectl }, autoscaler = 'caudal-api') {
  const field = async (/** @type {string} */ object, /** @type {string} */ path) =>
    Number(await kubectl(['-n', 'caudal', 'get', object, '-o', `jsonpath={${path}}`]));
  // An operator may still have to make it.
  const least = await until(
    'the autoscaler',
    READY_MS,
    () => field(`hpa/${autoscaler}`, '.spec.minReplicas'),
    1_000,
  );
  await until(
    'the pods of the API',
    READY_MS,
    async () => (await field('deployment/caudal-api', '.status.availableReplicas')) >= least,
    1_000,
  );
  for (const name of ['caudal-api', 'caudal-worker', 'caudal-pgbouncer'])
    await kubectl(['-n', 'caudal', 'rollout', 'status', `deployment/${name}`, '--timeout=170s']);
  await kubectl(['-n', 'caudal', 'wait', '--for=condition=complete', 'job/caudal-migrate', '--timeout=60s']);
  return least;
}

/** @param {ControlPlane} controlPlane */
export async function removeInstallation({ kubectl }) {
  await kubectl(['delete', 'namespace', 'caudal', '--wait=true', '--timeout=170s']);
}
