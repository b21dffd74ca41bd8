// @ts-check
// .env.example: the variables of the compose files, then every setting of the application, as one file that is
// copied to .env. `npm run docs:generate` writes it; a test compares it with the tables in the code.
import { parse } from 'yaml';

/** @typedef {import('./docs.mjs').Setting} Setting */

const HEAD = `# Copy to .env. Read by docker compose for its own files, and by every container of the application. A line that
# is commented out shows the default. Secrets are files in SECRETS_DIR and never here.
#
# This file is generated from src/config/environment/ by \`npm run docs:generate\`.
`;

/** Variables of the compose files themselves: what they are without being set, and what they are for. */
const STACK = /** @type {const} */ ([
  ['CAUDAL_IMAGE', 'registry.example.com/caudal:0.1.0', 'The image of the application.'],
  [
    'CAUDAL_COLOUR',
    'blue',
    'Its colour. deployment/scripts/deploy.sh sets both: the names in nginx/upstreams.conf have it.',
  ],
  ['NGINX_IMAGE', 'docker.io/library/nginx:1.28.0-bookworm', 'The image of the gateway.'],
  ['SECRETS_DIR', './secrets', 'Where deployment/scripts/create-secrets.sh made the secrets.'],
  ['CAUDAL_ENV_FILE', '.env', 'The file with the settings of the application: this one.'],
  ['HTTP_PORT', '80', 'Published ports: where everything is redirected to HTTPS, and HTTPS.'],
  ['HTTPS_PORT', '443', ''],
  [
    'FIREWALL_IMAGE',
    'registry.example.com/caudal-firewall:0.1.0',
    'compose.modsecurity.yml: the image of the gateway with its firewall, and whether that refuses (blocking) or only looks (detection).',
  ],
  ['FIREWALL_MODE', 'blocking', ''],
  ['PUBLIC_HOST', 'shop.example.com', 'compose.traefik.yml: the host name of the shop.'],
  ['ACME_EMAIL', 'admin@example.com', "compose.traefik.yml: whom Let's Encrypt writes to."],
  [
    'ACME_DIRECTORY',
    'https://acme-v02.api.letsencrypt.org/directory',
    'compose.traefik.yml: who signs; https://acme-staging-v02.api.letsencrypt.org/directory for a trial.',
  ],
  [
    'COMPOSE_FILE',
    'docker-compose.production.yml',
    'The files of the stack, with overlays after a colon each; deploy.sh and failover.sh read it as well.',
  ],
  [
    'BACKUP_IMAGE',
    'registry.example.com/caudal-backup:0.1.0',
    'compose.backup.yml: the image of deployment/docker/backup/Dockerfile.',
  ],
  ['BACKUP_HOUR', '2', 'compose.backup.yml: in which hour (UTC) PostgreSQL is backed up.'],
  [
    'DOCKER_CONTAINERS_DIR',
    '/var/lib/docker/containers',
    'compose.logging.yml: where the engine keeps its log files.',
  ],
]);

/** What an installation has to say; the rest has good defaults. */
const CHOSEN = new Map([
  ['PUBLIC_ORIGINS', 'https://shop.example.com'],
  ['ADMIN_EMAIL', 'admin@example.com'],
  // The gateway logs every request.
  ['ACCESS_LOG', 'errors'],
]);

/**
 * @param {Readonly<Record<string, unknown>>} environment
 * @param {string} compose text of docker-compose.production.yml
 */
export function renderEnvironmentExample(environment, compose) {
  const decided = decidedBy(compose);
  const settings = Object.entries(environment).map(([name, validator]) => {
    const setting = /** @type {Setting} */ (validator);
    const line = `${name}=${CHOSEN.get(name) ?? textOf(setting.default)}`;
    const choices = setting.choices === undefined ? '' : ` (${setting.choices.join(', ')})`;
    const by = decided.has(name) ? ' Decided by docker-compose.production.yml.' : '';
    return `# ${setting.desc ?? ''}${choices}${by}\n${CHOSEN.has(name) ? '' : '#'}${line}\n`;
  });
  const stack = STACK.map(([name, value, text]) => `${text === '' ? '' : `# ${text}\n`}#${name}=${value}\n`);
  return [HEAD, '# --- The stack ---\n', ...stack, '\n# --- The application ---\n', ...settings].join('');
}

/** @param {Setting['default']} value */
function textOf(value) {
  return value === undefined ? '' : String(value);
}

/**
 * Settings that the stack gives to every process, by value or by file.
 *
 * @param {string} compose
 */
function decidedBy(compose) {
  const model = /** @type {unknown} */ (parse(compose, { merge: true }));
  const { 'x-app-environment': shared = {} } = /** @type {Record<string, Record<string, string>>} */ (model);
  return new Set(['ROLE', ...Object.keys(shared).flatMap((name) => [name, name.replace(/_FILE$/, '')])]);
}
