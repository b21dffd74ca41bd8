// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { FIREWALL_FILES } from './rules/firewall-rules.mjs';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const BASE = 'docker-compose.production.yml';
export const OVERLAYS = ['staging', 'traefik', 'logging', 'tracing', 'modsecurity', 'backup'].map(
  (name) => `deployment/docker/compose.${name}.yml`,
);

/** Everything that the rules of the stack judge. */
const STACK_FILES = [
  BASE,
  ...OVERLAYS,
  ...FIREWALL_FILES,
  'deployment/docker/postgres/postgresql.conf',
  'deployment/docker/postgres/pg_hba.conf',
  'deployment/docker/backup/postgresql.conf',
  'deployment/docker/backup/archiving.conf',
  'deployment/docker/pgbouncer/pgbouncer.ini',
  'deployment/docker/nginx/upstreams.conf',
  'deployment/docker/redis/main.conf',
  'deployment/docker/redis/rate-limit.conf',
  'deployment/docker/redis/sessions.conf',
  'deployment/docker/scripts/docker-entrypoint.sh',
];

/**
 * What the rules read of a service; docker compose itself checks the rest.
 *
 * @typedef {object} Service
 * @property {string} [image]
 * @property {string} [user]
 * @property {string[]} [command]
 * @property {string[]} [entrypoint]
 * @property {Record<string, string>} [environment]
 * @property {{ target?: number, published?: string }[]} [ports]
 * @property {string[] | Record<string, { aliases?: string[] } | null>} [networks]
 * @property {string} [hostname]
 * @property {Record<string, string>} [labels]
 * @property {(string | { source: string, target?: string })[]} [secrets]
 * @property {string[]} [volumes]
 * @property {string[]} [tmpfs]
 * @property {boolean} [read_only]
 * @property {boolean} [privileged]
 * @property {string} [network_mode]
 * @property {string} [pid]
 * @property {string[]} [cap_drop]
 * @property {string[]} [cap_add]
 * @property {string[]} [security_opt]
 * @property {string} [restart]
 * @property {string[]} [profiles]
 * @property {string} [stop_grace_period]
 * @property {{ test?: string[], disable?: boolean }} [healthcheck]
 * @property {Record<string, { condition?: string }>} [depends_on]
 * @property {{ driver?: string, options?: Record<string, string> }} [logging]
 * @property {{ resources?: { limits?: { memory?: string, pids?: number, cpus?: string } } }} [deploy]
 */

/**
 * @typedef {object} Stack
 * @property {ReadonlyMap<string, Service>} services
 * @property {Record<string, { internal?: boolean } | null>} networks
 * @property {Record<string, unknown>} volumes
 * @property {Record<string, { file?: string, environment?: string }>} secrets
 * @property {ReadonlyMap<string, string>} files texts of the configuration files, by path
 * @property {ReadonlyMap<string, import('./manifests.mjs').Setting>} settings of the application, by name
 */

/** The files of the repository, by path. */
export function readStackFiles() {
  return new Map(STACK_FILES.map((path) => [path, readFileSync(join(PROJECT, path), 'utf8')]));
}

/**
 * The stack with one of its overlays, as docker compose puts the files together, with no variable set.
 *
 * @param {ReadonlyMap<string, string>} files
 * @param {Stack['settings']} settings
 * @param {string} [overlay]
 * @returns {Stack}
 */
export function parseStack(files, settings, overlay) {
  const base = parseFile(files, BASE);
  const model = /** @type {Record<string, Record<string, never>>} */ (
    overlay === undefined ? base : combine(base, parseFile(files, overlay), '')
  );
  const { services = {}, networks = {}, volumes = {}, secrets = {} } = model;
  return { services: new Map(Object.entries(services)), networks, volumes, secrets, files, settings };
}

/** `!reset` takes away what the file before said. */
const RESET = Symbol('reset');
const TAGS = [
  { tag: '!reset', collection: /** @type {const} */ ('seq'), resolve: () => RESET },
  { tag: '!reset', resolve: () => RESET },
];

/**
 * @param {ReadonlyMap<string, string>} files
 * @param {string} path
 */
function parseFile(files, path) {
  const text = (files.get(path) ?? '').replaceAll(
    /\$\{\w+(?::?([-?])([^}]*))?\}/g,
    (_, /** @type {string | undefined} */ kind, /** @type {string | undefined} */ value) =>
      kind === '-' ? (value ?? '') : 'set',
  );
  return /** @type {unknown} */ (parse(text, { merge: true, customTags: TAGS }));
}

/** Lists that a later file replaces; others are added to. */
const REPLACED = new Set(['command', 'entrypoint', 'test']);

/**
 * @param {unknown} before
 * @param {unknown} after
 * @param {string} name
 * @returns {unknown}
 */
function combine(before, after, name) {
  if (after === RESET) return undefined;
  if (Array.isArray(before) && Array.isArray(after) && !REPLACED.has(name))
    return /** @type {unknown[]} */ (before).concat(/** @type {unknown[]} */ (after));
  if (!isMap(before) || !isMap(after)) return after;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(
    keys.map((key) => [key, key in after ? combine(before[key], after[key], key) : before[key]]),
  );
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isMap(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
