// @ts-check
// node scripts/rehearsal/go-tools.mjs NAME ...
// Programs that the rehearsals and the checks build from Go modules, each version once, into the cache outside the
// repository. What cannot be had is a reason of one line and no exception: the caller says it and does without.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';
import { parseJson } from '../services/json-file.mjs';
import { cacheFolder } from './cache.mjs';

const execute = promisify(execFile);
/** A cold build of Kubernetes takes four minutes on two idle cores, and these may be busy. */
const BUILD_MS = 45 * 60_000;
const OPTIONS = {
  ...{ timeout: BUILD_MS, maxBuffer: 64 * 1024 * 1024 },
  env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
};
/** What a module may say that it requires, when a directory takes its place anyhow. */
const NO_VERSION = /^v0\.0\.0(-0{3}1.*)?$/;

/**
 * `module`: the module of `package`, when they differ. `isWrapped`: its go.mod has `replace` lines, which
 * `go install` refuses. `flags`: for the linker. `files`: what stands in for files that cannot be had, or that need
 * what cannot be had, by module and path below its root. `replaced`: modules that cannot be had, by others. `release`:
 * what its publisher calls the version, when that is another name.
 *
 * @typedef {object} GoTool
 * @property {string} package
 * @property {string} version
 * @property {string} [release]
 * @property {string} [module]
 * @property {boolean} [isWrapped]
 * @property {string[]} [flags]
 * @property {Readonly<Record<string, Readonly<Record<string, string>>>>} [files]
 * @property {Readonly<Record<string, string>>} [replaced]
 * @property {Readonly<Record<string, readonly string[]>>} [components] of a collector that `package`, its builder, makes
 *
 * @typedef {{ path: string, reason?: undefined } | { path?: undefined, reason: string }} Found
 */

const KUBERNETES = { module: 'k8s.io/kubernetes', version: 'v1.36.3', isWrapped: true };

/** @param {string} name @returns {GoTool} */
const kubernetes = (name) => ({
  ...KUBERNETES,
  package: `k8s.io/kubernetes/cmd/${name}`,
  flags: versionFlags(KUBERNETES.version),
});

const KEDA = { module: 'github.com/kedacore/keda/v2', version: 'v2.21.0', isWrapped: true };

/** Every program, in the one place that names its version. @type {Readonly<Record<string, GoTool>>} */
export const GO_TOOLS = {
  etcd: { package: 'go.etcd.io/etcd/server/v3', version: 'v3.6.11', isWrapped: true },
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  kubectl: kubernetes('kubectl'),
  kubelet: kubernetes('kubelet'),
  'kube-proxy': kubernetes('kube-proxy'),
  kwok: { module: 'sigs.k8s.io/kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', version: 'v0.8.0' },
  'metrics-server': {
    ...{ module: 'sigs.k8s.io/metrics-server', version: 'v0.9.0' },
    package: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
  },
  'keda-operator': { ...KEDA, package: 'github.com/kedacore/keda/v2/cmd/operator' },
  'keda-adapter': { ...KEDA, package: 'github.com/kedacore/keda/v2/cmd/adapter' },
  kustomize: { package: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.7.1' },
  'kube-score': { package: 'github.com/zegl/kube-score/cmd/kube-score', version: 'v1.20.0' },
  kubeconform: { package: 'github.com/yannh/kubeconform/cmd/kubeconform', version: 'v0.8.0' },
  'kubectl-validate': { package: 'sigs.k8s.io/kubectl-validate', version: 'v0.0.4' },
  actionlint: { package: 'github.com/rhysd/actionlint/cmd/actionlint', version: 'v1.7.12' },
  k6: { package: 'go.k6.io/k6', version: 'v1.8.1' },
  buildx: { package: 'github.com/docker/buildx/cmd/buildx', version: 'v0.37.0' },
  compose: {
    ...{ module: 'github.com/docker/compose/v5', version: 'v5.2.0', isWrapped: true },
    package: 'github.com/docker/compose/v5/cmd',
  },
  traefik: {
    ...{ module: 'github.com/traefik/traefik/v3', version: 'v3.7.13', isWrapped: true },
    package: 'github.com/traefik/traefik/v3/cmd/traefik',
    files: {
      'github.com/traefik/traefik/v3': {
        // Its pages.
        'webui/static/index.html': '',
        // Where others may add to it: a module of its own that is not released.
        'pkg/config/dynamic/ext/go.mod': 'module github.com/traefik/traefik/dynamic/ext\n',
        'pkg/config/dynamic/ext/ext.go': 'package ext\n\ntype HTTP struct{}\ntype Router struct{}\n',
      },
      // The clients of two hundred DNS providers.
      'github.com/go-acme/lego/v5': {
        'providers/dns/zz_gen_dns_providers.go': [
          'package dns',
          'import ("errors"; "github.com/go-acme/lego/v5/challenge")',
          'func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {',
          '  return nil, errors.New("built without " + name)',
          '}',
        ].join('\n'),
      },
    },
    replaced: {
      'github.com/abbot/go-http-auth':
        'github.com/containous/go-http-auth v0.4.1-0.20200324110947-a37a7636d23e',
    },
  },
  loki: {
    ...{ module: 'github.com/grafana/loki/v3', version: 'v3.7.8', isWrapped: true },
    package: 'github.com/grafana/loki/v3/cmd/loki',
  },
  jaeger: {
    ...{ module: 'github.com/jaegertracing/jaeger', version: 'v1.76.0', isWrapped: true },
    release: 'v2.13.0',
    package: 'github.com/jaegertracing/jaeger/cmd/jaeger',
  },
  // The parts of the contrib distribution that deployment/docker/logging names.
  otelcol: {
    ...{ package: 'go.opentelemetry.io/collector/cmd/builder', version: 'v0.160.0' },
    components: {
      receivers: [
        'github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver v0.160.0',
      ],
      exporters: ['go.opentelemetry.io/collector/exporter/otlphttpexporter v0.160.0'],
      extensions: [
        'github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage v0.160.0',
      ],
      providers: [
        'go.opentelemetry.io/collector/confmap/provider/envprovider v1.66.0',
        'go.opentelemetry.io/collector/confmap/provider/fileprovider v1.66.0',
      ],
    },
  },
  // A bucket over a directory.
  versitygw: {
    ...{ module: 'github.com/versity/versitygw', version: 'v1.8.0' },
    package: 'github.com/versity/versitygw/cmd/versitygw',
  },
  // Let's Encrypt's own server for tests of its clients.
  pebble: {
    ...{ module: 'github.com/letsencrypt/pebble/v2', version: 'v2.10.1' },
    package: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
  },
};

/** Modules of which files are read. */
export const GO_MODULES = {
  kubernetes: KUBERNETES,
  kwok: { module: 'sigs.k8s.io/kwok', version: 'v0.8.0' },
};

/** Modules that define kinds of Kubernetes objects, in `place`: the newest that this project's Go can read. */
export const DEFINITIONS = {
  gatewayApi: { module: 'sigs.k8s.io/gateway-api', version: 'v1.6.3', place: 'config/crd/standard' },
  verticalPodAutoscaler: {
    ...{ module: 'k8s.io/autoscaler/vertical-pod-autoscaler', version: 'v1.8.1' },
    place: 'deploy/vpa-v1-crd-gen.yaml',
  },
  prometheusOperator: {
    ...{ module: 'github.com/prometheus-operator/prometheus-operator', version: 'v0.85.0' },
    place: 'example/prometheus-operator-crd',
  },
  keda: { ...KEDA, place: 'config/crd/bases' },
  externalSecrets: {
    ...{ module: 'github.com/external-secrets/external-secrets', version: 'v1.3.2' },
    place: 'config/crds/bases',
  },
};

/** What its publisher calls the version that is built. @param {string} name */
export const releaseOf = (name) => GO_TOOLS[name]?.release ?? GO_TOOLS[name]?.version ?? '';

/**
 * The path of a program of GO_TOOLS, built first when it is not in the cache: a warm call costs one look at the disk.
 *
 * @param {string} name
 * @returns {Promise<Found>}
 */
export async function goTool(name) {
  const tool = GO_TOOLS[name];
  if (tool === undefined) return { reason: `${name} is not in the table of Go programs` };
  const directory = join(cacheFolder('go'), `${name}@${tool.version}${changesOf(tool)}`);
  const path = join(directory, name);
  if (existsSync(path)) return { path };
  const workshop = mkdtempSync(join(cacheFolder('go'), '.build-'));
  try {
    const built = await makerOf(tool)(tool, workshop);
    mkdirSync(directory, { recursive: true });
    // Whole or not at all, also when two rehearsals build the same program.
    renameSync(built, path);
    return { path };
  } catch (error) {
    return { reason: `${name} ${tool.version} cannot be built: ${lastLine(error)}` };
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/**
 * The directory of a module's files.
 *
 * @param {{ module: string, version: string }} module
 * @returns {Promise<Found>}
 */
export async function goModule({ module, version }) {
  try {
    const { Dir } = /** @type {{ Dir: string }} */ (
      await goJson(['mod', 'download', '-json', `${module}@${version}`])
    );
    return { path: Dir };
  } catch (error) {
    // It prints its reason as JSON.
    const { stdout = '' } = /** @type {{ stdout?: string }} */ (error);
    const reason = /"Error": "(.*)"/.exec(stdout)?.[1] ?? lastLine(error);
    return { reason: `${module} ${version} cannot be had: ${reason}` };
  }
}

/** In the name of its place in the cache: of what is no plain release, what makes it another one. @param {GoTool} tool */
function changesOf({ files, replaced, components }) {
  const changes = JSON.stringify([files, replaced, components].filter((each) => each !== undefined));
  return changes === '[]' ? '' : `-${createHash('sha256').update(changes).digest('hex').slice(0, 8)}`;
}

/** @param {GoTool} tool */
function makerOf(tool) {
  if (tool.components !== undefined) return buildCollector;
  return tool.isWrapped === true ? buildWrapped : install;
}

/** @param {GoTool} tool @param {string} workshop */
async function install(tool, workshop) {
  await go(['install', ...linkerFlags(tool), `${tool.package}@${tool.version}`], workshop, {
    GOBIN: workshop,
  });
  // The package of a second major version is installed under the name before it.
  return join(workshop, basename(tool.package.replace(/\/v\d+$/, '')));
}

/**
 * `go install` refuses a module with replacements, because they hold for a main module only. So this makes the main
 * module: the same requirements, and each replacement by a directory beside the module pointed at what was released, or
 * at the files of the table.
 *
 * @param {GoTool} tool
 * @param {string} workshop
 */
async function buildWrapped(tool, workshop) {
  const module = tool.module ?? tool.package;
  const { path, reason } = await goModule({ module, version: tool.version });
  if (path === undefined) throw new Error(reason);
  /** @typedef {{ Path: string, Version?: string }} Module */
  const { Go, Require, Replace } =
    /** @type {{ Go: string, Require: Module[], Replace: { Old: Module, New: Module }[] | null }} */ (
      await goJson(['mod', 'edit', '-json', join(path, 'go.mod')])
    );
  /** @param {string} name */
  const required = (name) => Require.find(({ Path }) => Path === name)?.Version ?? 'v0.0.0';
  const patched = Object.entries(tool.files ?? {});
  for (const [name, files] of patched) {
    const version = name === module ? tool.version : required(name);
    await copyPatched({ module: name, version }, files, join(workshop, name));
  }
  const lines = [
    'module caudal.rehearsal/tools',
    `go ${Go}`,
    `require ${module} ${tool.version}`,
    ...patched.map(([name]) => `replace ${name} => ./${name}`),
    ...Require.map(({ Path, Version = '' }) => `require ${Path} ${Version}`),
    ...(Replace ?? []).flatMap(({ Old, New }) => {
      // A directory that does not exist says that nobody is to import the module.
      if (New.Path.includes('FORBIDDEN')) return [];
      const target =
        New.Version === undefined
          ? locationOf(Old.Path, New.Path, required(Old.Path), tool)
          : (tool.replaced?.[Old.Path] ?? `${New.Path} ${New.Version}`);
      return [`replace ${Old.Path} ${Old.Version ?? ''} => ${target}`];
    }),
  ];
  writeFileSync(join(workshop, 'go.mod'), `${lines.join('\n')}\n`);
  copyFileSync(join(path, 'go.sum'), join(workshop, 'go.sum'));
  const built = join(workshop, 'built');
  await go(['build', '-mod=mod', ...linkerFlags(tool), '-o', built, tool.package], workshop);
  return built;
}

/** @param {GoTool} tool @param {string} workshop */
async function buildCollector(tool, workshop) {
  const builder = await install(tool, workshop);
  const dist = { name: 'built', output_path: join(workshop, 'collector'), version: tool.version.slice(1) };
  const parts = Object.entries(tool.components ?? {}).map(([kind, modules]) => [
    kind,
    modules.map((gomod) => ({ gomod })),
  ]);
  const manifest = join(workshop, 'manifest.yaml');
  // JSON is YAML.
  writeFileSync(manifest, JSON.stringify({ dist, .../** @type {object} */ (Object.fromEntries(parts)) }));
  await execute(builder, ['--config', manifest], OPTIONS);
  return join(dist.output_path, dist.name);
}

/**
 * @param {{ module: string, version: string }} module
 * @param {Readonly<Record<string, string>>} files
 * @param {string} copy
 */
async function copyPatched(module, files, copy) {
  const { path, reason } = await goModule(module);
  if (path === undefined) throw new Error(reason);
  mkdirSync(dirname(copy), { recursive: true });
  // The cache of modules is read-only.
  await execute('cp', ['--recursive', '--no-preserve=mode', path, copy]);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(copy, dirname(name)), { recursive: true });
    writeFileSync(join(copy, name), text);
  }
}

/**
 * What is replaced by a directory is released with the module, under the version that is required; where that is none, under
 * the module's own, or that of Kubernetes as v0.
 *
 * @param {string} path
 * @param {string} directory
 * @param {string} required
 * @param {GoTool} tool
 */
function locationOf(path, directory, required, tool) {
  const { version, module = tool.package } = tool;
  if (join(directory, 'go.mod') in (tool.files?.[module] ?? {})) return `./${join(module, directory)}`;
  if (!NO_VERSION.test(required)) return `${path} ${required}`;
  return `${path} ${path.startsWith('k8s.io/') ? version.replace(/^v1\./, 'v0.') : version}`;
}

/** @param {GoTool} tool */
const linkerFlags = ({ flags = [] }) => ['-trimpath', `-ldflags=${['-s', '-w', ...flags].join(' ')}`];

/**
 * Clients read the version of a server and refuse what is no version.
 *
 * @param {string} version
 */
function versionFlags(version) {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  const values = {
    ...{ gitVersion: version, gitMajor: major, gitMinor: minor },
    ...{ gitCommit: 'rehearsal', gitTreeState: 'clean', buildDate: '1970-01-01T00:00:00Z' },
  };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((package_) =>
    Object.entries(values).map(([name, value]) => `-X ${package_}.${name}=${value}`),
  );
}

/** @param {string[]} args */
const goJson = async (args) => parseJson((await go(args, homedir())).stdout);

/** @param {string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} [env] */
const go = (args, cwd, env = {}) => execute('go', args, { ...OPTIONS, cwd, env: { ...OPTIONS.env, ...env } });

/** @param {unknown} error */
function lastLine(error) {
  const { code, stderr, message } = /** @type {{ code?: unknown, stderr?: string, message: string }} */ (
    error
  );
  if (code === 'ENOENT') return 'there is no go on the PATH';
  return (stderr ?? '').trim().split('\n').at(-1) || message;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let missing = 0;
  for (const name of process.argv.slice(2)) {
    const found = await goTool(name);
    if (found.path === undefined) missing += 1;
    console.log(found.path ?? found.reason);
  }
  process.exit(missing === 0 ? 0 : 1);
}
