// @ts-check
// Images for a rehearsal: pulled where a registry answers, otherwise stand-ins made here under the official names,
// of Debian's packages and the project's own Node. The cache keeps what was made: the second time takes a second. What was
// made by another recipe is made again.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findOnPath } from '../services/commands.mjs';
import { installDebianPackages } from '../services/debian-packages.mjs';
import { PROJECT } from '../setup/project.mjs';
import { cacheFolder, run, say } from './cache.mjs';
import { GO_TOOLS, goTool, releaseOf } from './go-tools.mjs';

/** @typedef {import('./engine.mjs').Engine} Engine */
/** @typedef {{ name: string, source: 'pulled' | 'stand-in' | 'none', what: string }} Image */

const MIRROR = 'http://deb.debian.org/debian';
const PULL_DEADLINE_MS = 300_000;
const LABEL = 'org.caudal.rehearsal.stand-in';
const RECIPE_LABEL = 'org.caudal.rehearsal.recipe';
/** TLS inside of a build needs the authorities of this machine; only the stand-ins have them. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
/** What a slim image leaves out as well. */
const SLIM = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'var/cache/apt', 'var/lib/apt/lists'];

/** The mirror may be a copy that is older than Debian lets the list of its next release become. */
const APT_SETTINGS = 'Acquire::Check-Valid-Until "false";\n';

const install = (/** @type {string} */ packages) =>
  `RUN apt-get update && apt-get install -y --no-install-recommends ${packages} && rm -rf /var/lib/apt/lists/*`;

/**
 * `release` of Debian: that which has the packages (PostgreSQL 18 is newer than Debian 12), or none where there is
 * nothing but the program. `tool` of GO_TOOLS: built here, and in the folder of the build. `version` prints what there is
 * instead.
 *
 * @typedef {{ release?: string, tool?: string, steps: string[], version?: string[] }} Recipe
 */

/** By the end of the repository's name. @type {Readonly<Record<string, Recipe>>} */
const STAND_INS = {
  node: {
    release: 'bookworm',
    steps: [
      'COPY . /usr/local/',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx',
      'CMD ["node"]',
    ],
    version: ['node', '--version'],
  },
  debian: { release: 'bookworm', steps: ['CMD ["bash"]'], version: ['cat', '/etc/debian_version'] },
  postgres: {
    release: 'forky',
    steps: [
      'RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres',
      `${install('postgresql-common')} && sed -ri 's/#?(create_main_cluster) .*/\\1 = false/' /etc/postgresql-common/createcluster.conf`,
      install('postgresql-18'),
      'RUN rm -rf /var/lib/postgresql && install -d -o 999 -g 999 /var/lib/postgresql',
      'ENV PATH=/usr/lib/postgresql/18/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'VOLUME /var/lib/postgresql',
      'CMD ["postgres"]',
    ],
    version: ['postgres', '--version'],
  },
  redis: {
    release: 'forky',
    steps: [
      'RUN groupadd --gid 999 redis && useradd --uid 999 --gid 999 --home-dir /data redis',
      install('redis-server'),
      'RUN rm -rf /etc/redis && install -d -o 999 -g 999 /data',
      'VOLUME /data',
      'CMD ["redis-server"]',
    ],
    version: ['redis-server', '--version'],
  },
  pgbouncer: {
    release: 'forky',
    steps: [install('pgbouncer postgresql-client')],
    version: ['pgbouncer', '--version'],
  },
  nginx: {
    release: 'forky',
    steps: [
      install('curl nginx'),
      'RUN rm -rf /etc/nginx/* /var/www/html',
      'STOPSIGNAL SIGQUIT',
      'CMD ["nginx", "-g", "daemon off;"]',
    ],
    version: ['nginx', '-v'],
  },
  prometheus: {
    release: 'forky',
    steps: [
      install('prometheus wget'),
      'RUN rm -rf /etc/prometheus && install -d -o 65534 -g 65534 /prometheus',
      'ENTRYPOINT ["/usr/bin/prometheus"]',
    ],
    version: ['prometheus', '--version'],
  },
  alertmanager: {
    release: 'forky',
    steps: [
      install('prometheus-alertmanager wget'),
      'RUN rm -rf /etc/prometheus && install -d -o 65534 -g 65534 /alertmanager',
      'ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]',
    ],
    version: ['prometheus-alertmanager', '--version'],
  },
  'node-exporter': {
    release: 'forky',
    steps: [install('prometheus-node-exporter wget'), 'ENTRYPOINT ["/usr/bin/prometheus-node-exporter"]'],
    version: ['prometheus-node-exporter', '--version'],
  },
  // As their own Dockerfiles have it: paths, users, and whether there is anything beside the program.
  traefik: {
    release: 'bookworm',
    tool: 'traefik',
    steps: ['COPY traefik /usr/local/bin/traefik', 'ENTRYPOINT ["/usr/local/bin/traefik"]'],
  },
  jaeger: {
    release: 'bookworm',
    tool: 'jaeger',
    steps: [
      install('wget'),
      'COPY jaeger /cmd/jaeger/jaeger-linux',
      'VOLUME ["/tmp"]',
      'ENTRYPOINT ["/cmd/jaeger/jaeger-linux"]',
      'USER 10001',
    ],
  },
  loki: {
    tool: 'loki',
    steps: [
      'COPY loki /usr/bin/loki',
      'COPY --chown=10001:10001 empty /loki',
      'ENTRYPOINT ["/usr/bin/loki"]',
      'USER 10001',
    ],
  },
  'opentelemetry-collector-contrib': {
    tool: 'otelcol',
    steps: ['COPY otelcol /otelcol-contrib', 'ENTRYPOINT ["/otelcol-contrib"]', 'USER 10001:10001'],
  },
  pebble: { tool: 'pebble', steps: ['COPY pebble /app', 'ENTRYPOINT ["/app"]'] },
};

/**
 * @param {Engine} engine
 * @param {Iterable<string>} names as FROM and `image:` have them
 * @returns {Promise<Image[]>} where each comes from; `none`: it can be neither pulled nor made
 */
export async function ensureImages(engine, names) {
  /** @type {Image[]} */
  const images = [];
  let isRegistryThere = true;
  for (const name of new Set(names)) {
    let image = await findImage(engine, name);
    if (image === null && isRegistryThere) {
      try {
        await run('docker', ['pull', '--quiet', name], { env: engine.env, timeoutMs: PULL_DEADLINE_MS });
        image = { name, source: 'pulled', what: name };
      } catch (error) {
        // One registry that cannot be reached is not asked for each image again.
        if (isUnreachable(String(error))) isRegistryThere = false;
      }
    }
    images.push(image ?? (await makeStandIn(engine, name)));
  }
  return images;
}

/** @param {string} message */
const isUnreachable = (message) =>
  !/manifest unknown|not found: manifest|pull access denied|toomanyrequests/i.test(message);

/**
 * One that was pulled, or made by today's recipe.
 *
 * @param {Engine} engine @param {string} name @returns {Promise<Image | null>}
 */
async function findImage({ docker }, name) {
  const labels = await labelsOf(docker, name);
  if (labels === null) return null;
  const { what, recipe } = labels;
  if (what === '') return { name, source: 'pulled', what: name };
  const today = STAND_INS[kindOf(name)];
  if (today === undefined || recipe !== digestOf(today)) return null;
  return { name, source: 'stand-in', what };
}

/** @param {Engine['docker']} docker @param {string} name */
async function labelsOf(docker, name) {
  const format = `{{index .Config.Labels "${RECIPE_LABEL}"}} {{index .Config.Labels "${LABEL}"}}`;
  try {
    const [recipe, ...what] = (await docker('image', 'inspect', '--format', format, name)).split(' ');
    return { recipe, what: what.join(' ') };
  } catch {
    return null;
  }
}

/** @param {string | Recipe} recipe of a stand-in, or a release */
function digestOf(recipe) {
  const tool = typeof recipe === 'string' ? undefined : recipe.tool;
  const parts = [recipe, SLIM, APT_SETTINGS, ...(tool === undefined ? [] : [GO_TOOLS[tool]])];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** The end of the repository's name. @param {string} name */
const kindOf = (name) => /([^/:]+)(?::[^/]*)?$/.exec(name)?.[1] ?? '';

/** @param {Engine} engine @param {string} name @returns {Promise<Image>} */
async function makeStandIn(engine, name) {
  const kind = kindOf(name);
  const recipe = STAND_INS[kind];
  if (recipe === undefined) return { name, source: 'none', what: 'it cannot be pulled, and has no stand-in' };
  try {
    say(`making a stand-in for ${name}`);
    const base = recipe.release === undefined ? 'scratch' : await ensureDebian(engine, recipe.release);
    const context = mkdtempSync(join(cacheFolder('stand-ins'), `${kind}-`));
    try {
      if (kind === 'node') copyNode(context);
      if (recipe.tool !== undefined) await copyTool(recipe.tool, context);
      await build(engine, context, name, [`FROM ${base}`, ...recipe.steps]);
      const what = await versionOf(engine, name, recipe);
      await build(engine, context, name, [
        `FROM ${base}`,
        ...recipe.steps,
        `LABEL ${LABEL}=${JSON.stringify(what)} ${RECIPE_LABEL}=${digestOf(recipe)}`,
      ]);
      return { name, source: 'stand-in', what };
    } finally {
      rmSync(context, { recursive: true, force: true });
    }
  } catch (error) {
    return { name, source: 'none', what: `no stand-in: ${String(error).split('\n').at(-1) ?? ''}` };
  }
}

/** @param {Engine} engine @param {string} context @param {string} tag @param {string[]} lines */
async function build({ env }, context, tag, lines) {
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  writeFileSync(join(context, '.dockerignore'), 'Dockerfile\n.dockerignore\n');
  const network = env['BUILD_NETWORK'] === undefined ? [] : ['--network', env['BUILD_NETWORK']];
  await run('docker', ['build', '--tag', tag, ...network, context], { env, timeoutMs: 900_000 });
}

/** @param {Engine} engine @param {string} name @param {Recipe} recipe */
async function versionOf({ docker }, name, { release, tool, version: [program = '', ...args] = [] }) {
  if (tool !== undefined) return `${tool} ${releaseOf(tool)} (built from its Go module)`;
  const script = `exec "$0" "$@" 2>&1`;
  const output = await docker(
    'run',
    '--rm',
    '--network',
    'none',
    '--entrypoint',
    'sh',
    name,
    '-c',
    script,
    program,
    ...args,
  );
  const [version = ''] = /\d+\.\d+(\.\d+)?/.exec(output) ?? [];
  return `${program === 'cat' ? 'Debian' : program} ${version} (Debian ${release ?? ''}${program === 'node' ? ', Node of npm' : ''})`;
}

/** @param {Engine} engine @param {string} release @returns {Promise<string>} the name of its image */
async function ensureDebian({ docker, env }, release) {
  const name = `caudal-rehearsal/debian:${release}`;
  if ((await labelsOf(docker, name))?.recipe === digestOf(release)) return name;
  if (findOnPath('debootstrap') === null && !(await installDebianPackages(['debootstrap'], say)))
    throw new Error('there is no debootstrap, and apt-get has none to give');
  const root = mkdtempSync(join(cacheFolder('stand-ins'), `${release}-`));
  try {
    // The script of a release that is newer than the program is that of all of them.
    const script = join('/usr/share/debootstrap/scripts', release);
    const scripts = existsSync(script) ? [] : ['/usr/share/debootstrap/scripts/sid'];
    await run('debootstrap', ['--variant=minbase', release, root, MIRROR, ...scripts], {
      timeoutMs: 900_000,
    });
    for (const path of SLIM) rmSync(join(root, path), { recursive: true, force: true });
    mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
    if (existsSync(AUTHORITIES)) copyFileSync(AUTHORITIES, join(root, AUTHORITIES));
    writeFileSync(join(root, 'etc/apt/apt.conf.d/99-rehearsal'), APT_SETTINGS);
    const label = `LABEL ${RECIPE_LABEL}=${digestOf(release)}`;
    const importing = 'tar --directory "$0" --create . | docker import --change "$2" - "$1"';
    await run('sh', ['-c', importing, root, name, label], { env });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return name;
}

/** @param {string} tool @param {string} context */
async function copyTool(tool, context) {
  const { path, reason } = await goTool(tool);
  if (path === undefined) throw new Error(reason);
  copyFileSync(path, join(context, tool));
  mkdirSync(join(context, 'empty'));
}

/** The layout of the official image: Node and npm below /usr/local. @param {string} context */
function copyNode(context) {
  const npm = [
    process.env['npm_execpath'] ?? '',
    '/usr/lib/node_modules/npm/bin/npm-cli.js',
    '/usr/local/lib/node_modules/npm/bin/npm-cli.js',
  ]
    .filter((path) => path.endsWith('npm-cli.js'))
    .find((path) => existsSync(path));
  if (npm === undefined) throw new Error('the npm of this machine is not found');
  for (const folder of ['bin', 'etc', 'lib/node_modules'])
    mkdirSync(join(context, folder), { recursive: true });
  copyFileSync(join(PROJECT, 'node_modules/node/bin/node'), join(context, 'bin/node'));
  cpSync(join(npm, '../..'), join(context, 'lib/node_modules/npm'), { recursive: true, dereference: true });
  if (existsSync(AUTHORITIES)) writeFileSync(join(context, 'etc/npmrc'), `cafile=${AUTHORITIES}\n`);
}

/** The images that the Dockerfiles of the project begin with. @param {string} path @returns {string} */
export function baseOf(path) {
  const [, name] = /^ARG \w+=(\S+:\S+)$/m.exec(readFileSync(join(PROJECT, path), 'utf8')) ?? [];
  if (name === undefined) throw new Error(`${path} names no base`);
  return name;
}
