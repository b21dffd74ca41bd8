// @ts-check
// Asks kubeconform about every object of every rendering, against each version of Kubernetes.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import { parseObjects } from '../manifests.mjs';
import { obtainTool } from '../../setup/tool-cache.mjs';
import { parseJson } from '../../services/json-file.mjs';
import { DEFINED_BY, KUBERNETES_VERSIONS, prepareSchemas } from './schema-sources.mjs';

/** @typedef {import('../manifests.mjs').Finding} Finding */
/**
 * @typedef {{ filename: string, kind: string, name: string, version: string, status: string, msg: string }} Result
 */

/**
 * @param {ReadonlyMap<string, string>} renderings YAML by name
 * @returns {Promise<{ findings: Finding[], said: string[] }>} what is wrong, and a line for each thing that was
 *   looked at or could not be
 */
export async function validateRenderings(renderings) {
  const kubeconform = await obtainTool('kubeconform');
  if (kubeconform.path === undefined)
    return { findings: [], said: [`left out, schemas: ${kubeconform.reason}`] };
  const { kubernetes, custom, missing } = await prepareSchemas();
  const said = KUBERNETES_VERSIONS.flatMap((version) =>
    missing.has(version) ? [`left out, schemas of Kubernetes ${version}: ${missing.get(version) ?? ''}`] : [],
  );
  /** @type {Finding[]} */
  const findings = [];
  /** @type {Map<string, Set<string>>} */
  const foreign = new Map();
  for (const [version, folder] of kubernetes) {
    const results = ask(kubeconform.path, [folder, ...custom], renderings);
    const kinds = new Set();
    for (const result of results) {
      const group = groupOf(result.version);
      const object = `${result.kind}/${result.name}`;
      // Kinds of others are the same in every version.
      if (DEFINED_BY.has(group)) foreign.set(group, (foreign.get(group) ?? new Set()).add(result.kind));
      else kinds.add(`${result.version} ${result.kind}`);
      if (result.status === 'statusValid' || missing.has(group)) continue;
      findings.push({
        rule: `schema of ${version}`,
        where: `${basename(result.filename, '.yaml')}: ${object}`,
        message: result.status === 'statusSkipped' ? 'nothing says what this kind is' : result.msg,
      });
    }
    const strictness = ask(kubeconform.path, [folder, ...custom], misspelt(renderings)).filter(
      ({ version: of }) => !missing.has(groupOf(of)),
    );
    for (const { kind, version: of, status } of strictness)
      if (status !== 'statusInvalid')
        findings.push({ rule: `schema of ${version}`, where: `${of} ${kind}`, message: 'takes any field' });
    const count = results.filter(({ status }) => status === 'statusValid').length;
    said.push(
      `✓ Kubernetes ${version}: ${String(count)} of ${String(results.length)} objects are valid, ${String(kinds.size)} kinds of its own; a misspelt field is refused in ${String(strictness.length)} kinds`,
    );
  }
  for (const [group, kinds] of foreign) {
    const reason = missing.get(group);
    const names = [...kinds].join(', ');
    said.push(
      reason === undefined
        ? `✓ ${group}: ${names} (by ${DEFINED_BY.get(group) ?? ''})`
        : `left out, ${group}: ${names} (${reason})`,
    );
  }
  return { findings, said };
}

/** @param {string} apiVersion */
const groupOf = (apiVersion) => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '');

/**
 * One object of each kind, with a field that it cannot have: a schema that lets it pass checks nothing.
 *
 * @param {ReadonlyMap<string, string>} renderings
 * @returns {Map<string, string>}
 */
function misspelt(renderings) {
  const objects = [...renderings].flatMap(([name, text]) => parseObjects(text, name));
  const byKind = new Map(
    objects.map((object) => [`${object.apiVersion ?? ''} ${object.kind ?? ''}`, object]),
  );
  const wrong = [...byKind.values()].map((object) =>
    object.spec === undefined
      ? { ...object, misspelt: 'field' }
      : { ...object, spec: { ...object.spec, misspelt: 'field' } },
  );
  return new Map([['misspelt', wrong.map((object) => stringify(object)).join('---\n')]]);
}

/**
 * @param {string} kubeconform
 * @param {string[]} folders
 * @param {ReadonlyMap<string, string>} renderings
 * @returns {Result[]}
 */
function ask(kubeconform, folders, renderings) {
  const work = mkdtempSync(join(tmpdir(), 'caudal-manifests-'));
  try {
    const files = [...renderings].map(([name, text]) => {
      const file = join(work, `${name}.yaml`);
      writeFileSync(file, text);
      return file;
    });
    const locations = folders.flatMap((folder) => [
      '-schema-location',
      `${folder}/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`,
    ]);
    const options = ['-strict', '-ignore-missing-schemas', '-verbose', '-output', 'json', '-n', '2'];
    const { stdout, stderr } = spawnSync(kubeconform, [...options, ...locations, ...files], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    if (stdout === '') throw new Error(`kubeconform said nothing but ${stderr}`);
    const { resources } = /** @type {{ resources: Result[] }} */ (parseJson(stdout));
    return resources;
  } finally {
    rmSync(work, { recursive: true });
  }
}
