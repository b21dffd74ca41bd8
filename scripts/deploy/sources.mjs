// @ts-check
// What is judged as text: Dockerfiles, the gateway's configuration, the images that are named, and the whole tree where
// it comes to secrets.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gateway } from './rules/gateway-rules.mjs';
import { imageReferences } from './rules/image-reference-rules.mjs';
import { dockerfile, dockerignore } from './rules/image-rules.mjs';
import { secretsInTree } from './rules/secret-rules.mjs';
import { serverImage } from './rules/server-image-rules.mjs';

/** @typedef {import('./manifests.mjs').Finding} Finding */
/** @typedef {ReadonlyMap<string, string>} Files text by path */

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const GATEWAY = 'deployment/docker/nginx/';
/** The images of servers, and what each has to have. */
const SERVER_IMAGES = {
  'deployment/docker/backup/Dockerfile': [
    ...['pgbackrest', 'gpg', 'redis-tools', 'ca-certificates', 'backup.sh', 'restore.sh'],
    ...['backup-environment.sh', 'backup-service.sh', 'pgbackrest.conf'],
  ],
  'deployment/docker/nginx/Dockerfile': ['nginx', 'libnginx-mod-http-brotli-filter', 'curl'],
  'deployment/docker/nginx/modsecurity/Dockerfile': [
    ...[
      'nginx',
      'libnginx-mod-http-brotli-filter',
      'curl',
      'libnginx-mod-http-modsecurity',
      'modsecurity-crs',
    ],
    'blocking.conf',
  ],
};
/** Larger files are data, and no place for a secret that a person put there. */
const TEXT_BYTES_MAX = 1_000_000;

/**
 * Every file that is in the repository, or would be with the next commit. Where there is no git, none: an unpacked
 * archive has been checked before.
 *
 * @returns {Map<string, string>}
 */
export function readSources() {
  if (!existsSync(join(PROJECT, '.git'))) return new Map();
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: PROJECT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return new Map(
    listed
      .split('\0')
      .filter((path) => path !== '' && existsSync(join(PROJECT, path)))
      .map((path) => ({ path, content: readFile(join(PROJECT, path)) }))
      .flatMap(({ path, content }) => (content === null ? [] : [[path, content]])),
  );
}

/** @param {string} path @returns {string | null} null for a directory, such as a link to one */
function readFile(path) {
  try {
    const content = readFileSync(path);
    return content.length > TEXT_BYTES_MAX ? '' : content.toString('utf8');
  } catch {
    return null;
  }
}

/**
 * @param {Files} files
 * @returns {Finding[]}
 */
export function checkSources(files) {
  return [
    ...checkImages(files),
    ...checkGateway(files),
    ...imageReferences(shipped(files)),
    ...secretsInTree(files),
  ];
}

/** @param {Files} files @returns {Finding[]} */
export function checkImages(files) {
  const text = (/** @type {string} */ path) => files.get(path) ?? '';
  return [
    ...dockerfile(text('Dockerfile.production'), 'Dockerfile.production'),
    ...dockerignore(text('.dockerignore')),
    ...Object.entries(SERVER_IMAGES).flatMap(([path, needed]) => serverImage(text(path), path, needed)),
  ];
}

/** @param {Files} files @returns {Finding[]} */
export function checkGateway(files) {
  const own = [...files].filter(([path]) => path.startsWith(GATEWAY));
  return gateway(new Map(own.map(([path, text]) => [path.slice(GATEWAY.length), text])));
}

/** What names images that an installation runs. @param {Files} files */
export function shipped(files) {
  return new Map(
    [...files].filter(([path]) =>
      /^(?:Dockerfile[.\w]*|docker-compose[.\w]*\.yml|deployment\/.*(?:Dockerfile|\.ya?ml))$/.test(path),
    ),
  );
}
