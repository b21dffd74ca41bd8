// @ts-check
// What there is to check: the base, every overlay as kustomize makes it, and the metrics that they may name.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goTool } from '../rehearsal/go-tools.mjs';
import { findTool } from '../setup/tool-cache.mjs';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const OVERLAYS = 'deployment/overlays';
const NAMES = readdirSync(join(PROJECT, OVERLAYS)).sort();

/** Names in the metrics table of the operations guide, which a test compares with a real /metrics. */
export function documentedMetrics() {
  const guide = readFileSync(join(PROJECT, 'docs/operations.md'), 'utf8');
  const section = guide.slice(guide.indexOf('\n## Metrics'), guide.indexOf('\n## Logs'));
  const cells = section.split('\n').map((line) => /^\| (`[^|]*`) /.exec(line)?.[1] ?? '');
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name)));
}

/** From which age of the last backup on the alert fires. */
export function backupAgeMaxSeconds() {
  const rules = readFileSync(join(PROJECT, 'deployment/monitoring/rules/platform.rules.yaml'), 'utf8');
  const [, hours] = /alert: BackupOld\n.*> (\d+) \* 3600 or/.exec(rules) ?? [];
  if (hours === undefined) throw new Error('the alert BackupOld names no age in hours');
  return Number(hours) * 3600;
}

/** The base without any tool: kustomize adds nothing to it. */
export const readBase = () => readManifests('deployment/k8s');

/** The files of an overlay as they lie there, without what it takes from others. @param {string} name */
export const readOverlay = (name) => readManifests(join(OVERLAYS, name));

export const OVERLAY_NAMES = NAMES;

/** @param {string} folder */
function readManifests(folder) {
  const directory = join(PROJECT, folder);
  return new Map(
    readdirSync(directory)
      .filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml')
      .map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  );
}

/**
 * Each overlay as it would be applied.
 *
 * @returns {Promise<Map<string, string> | string>} YAML by name; or why nothing here can render them
 */
export async function renderOverlays() {
  const command = await kustomize();
  if (typeof command === 'string') return command;
  return new Map(
    NAMES.map((name) => {
      const [program = '', ...args] = command;
      const text = execFileSync(program, [...args, join(PROJECT, OVERLAYS, name)], {
        encoding: 'utf8',
        maxBuffer: 64 * 1024 * 1024,
      });
      return [name, text];
    }),
  );
}

/** Any kubectl has one in it. @returns {Promise<string[] | string>} the command, or why there is none */
async function kustomize() {
  const own = findTool('kustomize');
  if (own !== null) return [own, 'build'];
  const kubectl = findTool('kubectl');
  if (kubectl !== null) return [kubectl, 'kustomize'];
  const { path, reason } = await goTool('kustomize');
  return path === undefined ? reason : [path, 'build'];
}
