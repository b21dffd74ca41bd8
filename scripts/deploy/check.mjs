// @ts-check
// npm run check:deploy
// Checks the image, the manifests (the base and every overlay) and the compose stack (alone and with each
// overlay) by the machine rules, the schemas of the oldest and the current Kubernetes and of whoever defines the rest,
// and kube-score. Ends with the checks of `npm run check:monitoring`, so that one command says whether deployment/ is
// sound. It builds the tools that it needs once, by Go; what cannot be had is said in one line and the rest is checked.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OVERLAYS, parseStack, readStackFiles } from './compose-stack.mjs';
import { checkDockerfiles } from './dockerfiles.mjs';
import { parseObjects } from './manifests.mjs';
import { backupAgeMaxSeconds, documentedMetrics, readBase, renderOverlays } from './renderings.mjs';
import { checkManifests, checkPart, checkSecretSources, checkStack } from './rules.mjs';
import { scalers } from './rules/scaler-rules.mjs';
import { checkSources, readSources } from './sources.mjs';
import { validateRenderings } from './schemas/validate.mjs';
import { runMonitoringChecks } from '../monitoring/check-rules.mjs';
import { obtainTool } from '../setup/tool-cache.mjs';
import { loadSource } from '../source-module.mjs';

/** @typedef {import('./manifests.mjs').Finding} Finding */

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** Overlays that are a whole installation; the others add to one and are only rendered. */
const WHOLE = ['base', 'staging', 'production'];
const say = console.log;

/** The settings of the application; Node runs the file as it is. */
async function loadSettings() {
  const module = /** @type {unknown} */ (await loadSource('src/config/environment.ts'));
  const { ENVIRONMENT } = /** @type {{ ENVIRONMENT: Record<string, import('./manifests.mjs').Setting> }} */ (
    module
  );
  return new Map(Object.entries(ENVIRONMENT));
}

/** @param {Map<string, import('./manifests.mjs').Setting>} settings */
async function checkRenderings(settings) {
  const known = { settings, metrics: documentedMetrics(), backupAgeMaxSeconds: backupAgeMaxSeconds() };
  const overlays = await renderOverlays();
  if (typeof overlays === 'string') say(`left out, overlays: ${overlays}`);
  const renderings = new Map([
    ['base', [...readBase().values()].join('\n---\n')],
    ...(typeof overlays === 'string' ? [] : overlays),
  ]);
  const base = parseObjects(renderings.get('base') ?? '', 'base');
  const score = await obtainTool('kube-score');
  if (score.path === undefined) say(`left out, kube-score: ${score.reason}`);
  /** @type {Finding[]} */
  const findings = [];
  for (const [name, text] of renderings) {
    const objects = parseObjects(text, name);
    const isWhole = WHOLE.includes(name);
    const own = (isWhole ? checkManifests : checkPart)({ objects, ...known });
    // What a part adds must not disturb what it is added to; keda takes the place of the base's own autoscaler.
    if (!isWhole) own.push(...scalers({ objects: name === 'keda' ? objects : [...base, ...objects] }));
    if (name === 'external-secrets') own.push(...checkSecretSources(base, objects));
    findings.push(...own.map((finding) => ({ ...finding, where: `${name}: ${finding.where}` })));
    if (isWhole && score.path !== undefined) findings.push(...scored(score.path, name, text));
    say(`✓ ${name}: ${String(objects.length)} objects${isWhole ? '' : ', of a part'}`);
  }
  const validated = await validateRenderings(renderings);
  for (const line of validated.said) say(line);
  return [...findings, ...validated.findings];
}

/**
 * @param {string} kubeScore
 * @param {string} name
 * @param {string} text
 * @returns {Finding[]}
 */
function scored(kubeScore, name, text) {
  // The CPU-limit rule is off: throttling a single-threaded process delays every request that it has.
  const args = ['score', '--ignore-container-cpu-limit', '-'];
  const { status, stdout, stderr } = spawnSync(kubeScore, args, { encoding: 'utf8', input: text });
  return status === 0 ? [] : [{ rule: 'kube-score', where: name, message: `${stdout}${stderr}`.trim() }];
}

/** @param {Map<string, import('./manifests.mjs').Setting>} settings */
function checkStacks(settings) {
  const files = readStackFiles();
  return [undefined, ...OVERLAYS].flatMap((overlay) => {
    const stack = parseStack(files, settings, overlay);
    const name = overlay ?? 'docker-compose.production.yml';
    say(`✓ ${name}: ${String(stack.services.size)} services`);
    return checkStack(stack).map((finding) => ({ ...finding, where: `${name}: ${finding.where}` }));
  });
}

const settings = await loadSettings();
const findings = [
  ...checkSources(readSources()),
  ...(await checkRenderings(settings)),
  ...checkStacks(settings),
];
for (const { rule, where, message } of findings) console.error(`✗ ${rule}: ${where}: ${message}`);
say(`${String(findings.length)} findings`);
const areDockerfilesSound = await checkDockerfiles(say);
const failures = await runMonitoringChecks(PROJECT, say);
// The collectors of prom-client, whose names were read, keep watching the process.
process.exit(findings.length === 0 && areDockerfilesSound && failures === 0 ? 0 : 1);
