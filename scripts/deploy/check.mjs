// @ts-check
// npm run check:deploy
// Checks the image, the manifests (the base and every overlay) and the compose stack (alone and with each
// overlay) by the machine rules, and where the tools are there also the schemas (kubeconform) and kube-score.
// Needs kubectl (or kustomize) to render overlays. Ends with the checks of `npm run check:monitoring`, so that
// one command says whether deployment/ is sound.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OVERLAYS, parseStack, readStackFiles } from './compose-stack.mjs';
import { parseObjects } from './manifests.mjs';
import { checkManifests, checkPart, checkSecretSources, checkStack } from './rules.mjs';
import { dockerfile, dockerignore } from './rules/image-rules.mjs';
import { runMonitoringChecks } from '../monitoring/check-rules.mjs';
import { loadSource } from '../source-module.mjs';

/** @typedef {import('./manifests.mjs').Finding} Finding */

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** Built by `go install`, outside of the repository. */
const TOOLS = process.env['CAUDAL_TOOLS'] ?? join(process.env['HOME'] ?? '', '.cache/caudal-tools/bin');
/** Overlays that are a whole installation; the others add to one and are only rendered. */
const WHOLE = ['staging', 'production'];

/** The settings of the application; Node runs the file as it is. */
async function loadSettings() {
  const module = /** @type {unknown} */ (await loadSource('src/config/environment.ts'));
  const { ENVIRONMENT } = /** @type {{ ENVIRONMENT: Record<string, import('./manifests.mjs').Setting> }} */ (
    module
  );
  return new Map(Object.entries(ENVIRONMENT));
}

/** Names in the metrics table of the operations guide, which a test compares with a real /metrics. */
export function documentedMetrics() {
  const guide = readFileSync(join(PROJECT, 'docs/operations.md'), 'utf8');
  const section = guide.slice(guide.indexOf('\n## Metrics'), guide.indexOf('\n## Logs'));
  const cells = section.split('\n').map((line) => /^\| (`[^|]*`) /.exec(line)?.[1] ?? '');
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name)));
}

/** The base without any tool: kustomize adds nothing to it. */
export function readBase() {
  const directory = join(PROJECT, 'deployment/k8s');
  return new Map(
    readdirSync(directory)
      .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
      .map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  );
}

/** @param {string} directory */
function render(directory) {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', directory], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${directory} cannot be rendered: ${stderr.trim()}`);
  return stdout;
}

/**
 * A tool's own findings; null when it is not there.
 *
 * @param {string} name
 * @param {string[]} args
 * @param {string} input
 */
function runTool(name, args, input) {
  const program = join(TOOLS, name);
  if (!existsSync(program)) return null;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', input });
  return status === 0 ? '' : `${stdout}${stderr}`.trim();
}

async function main() {
  const settings = await loadSettings();
  const metrics = documentedMetrics();
  /** @type {Finding[]} */
  const findings = [
    ...dockerfile(readFileSync(join(PROJECT, 'Dockerfile.production'), 'utf8'), 'Dockerfile.production'),
    ...dockerignore(readFileSync(join(PROJECT, '.dockerignore'), 'utf8')),
  ];
  const overlays = join(PROJECT, 'deployment/overlays');
  const names = existsSync(overlays) ? readdirSync(overlays).sort() : [];
  const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
  if (!hasKubectl) console.log('left out: overlays (no kubectl to render them)');
  const renderings = new Map([
    ['base', [...readBase().values()].join('\n---\n')],
    ...(hasKubectl ? names : []).map(
      (name) => /** @type {[string, string]} */ ([name, render(join(overlays, name))]),
    ),
  ]);
  const base = parseObjects(renderings.get('base') ?? '', 'base');
  const leftOut = new Set();
  for (const [name, text] of renderings) {
    const objects = parseObjects(text, name);
    const isWhole = name === 'base' || WHOLE.includes(name);
    const own = (isWhole ? checkManifests : checkPart)({ objects, settings, metrics });
    if (name === 'external-secrets') findings.push(...checkSecretSources(base, objects));
    findings.push(...own.map((finding) => ({ ...finding, where: `${name}: ${finding.where}` })));
    // The CPU-limit rule is off: throttling a single-threaded process delays every request that it has.
    const score = isWhole ? runTool('kube-score', ['score', '--ignore-container-cpu-limit', '-'], text) : '';
    if (score === null) leftOut.add('kube-score');
    else if (score !== '') findings.push({ rule: 'kube-score', where: name, message: score });
    const schemas = process.env['CAUDAL_KUBERNETES_SCHEMAS'];
    const valid =
      schemas === undefined
        ? null
        : runTool(
            'kubeconform',
            [
              '-strict',
              // Parts are of kinds that other projects define.
              ...(isWhole ? [] : ['-ignore-missing-schemas']),
              '-schema-location',
              `${schemas}/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`,
              '-',
            ],
            text,
          );
    if (valid === null)
      leftOut.add('kubeconform (CAUDAL_KUBERNETES_SCHEMAS names the directory of the schemas)');
    else if (valid !== '') findings.push({ rule: 'schema', where: name, message: valid });
    console.log(`✓ ${name}: ${String(objects.length)} objects${isWhole ? '' : ', of a part'}`);
  }
  const files = readStackFiles();
  for (const overlay of [undefined, ...OVERLAYS]) {
    const stack = parseStack(files, settings, overlay);
    const own = checkStack(stack);
    const name = overlay ?? 'docker-compose.production.yml';
    findings.push(...own.map((finding) => ({ ...finding, where: `${name}: ${finding.where}` })));
    console.log(`✓ ${name}: ${String(stack.services.size)} services`);
  }
  for (const tool of leftOut) console.log(`left out: ${String(tool)}`);
  for (const { rule, where, message } of findings) console.error(`✗ ${rule}: ${where}: ${message}`);
  console.log(`${String(findings.length)} findings`);
  const failures = await runMonitoringChecks(PROJECT, console.log);
  // The collectors of prom-client, whose names were read, keep watching the process.
  process.exit(findings.length === 0 && failures === 0 ? 0 : 1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
