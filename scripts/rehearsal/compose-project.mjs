// @ts-check
// A copy of the compose stack, with secrets and ports of its own, that leaves nothing behind.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../services/ports.mjs';
import { PROJECT } from '../setup/project.mjs';
import { run, succeeds } from './cache.mjs';

const FILE = 'docker-compose.production.yml';
const ADMIN_EMAIL = 'admin@example.com';
/** The name in the certificate that create-secrets.sh makes. */
const HOST = 'shop.example.com';

/**
 * @param {{ env: NodeJS.ProcessEnv, later: (cleanUp: () => unknown) => void, name?: string, settings?: Record<string, string> }} options
 *   `env` names the engine; `settings` go into the .env of the stack
 */
export async function createComposeProject({ env, later, name = 'caudal-rehearsal', settings = {} }) {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-compose-'));
  later(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  for (const path of [FILE, 'deployment'])
    cpSync(join(PROJECT, path), join(directory, path), { recursive: true });
  await run(join(directory, 'deployment/scripts/create-secrets.sh'), ['--host', HOST], { cwd: directory });
  const [httpsPort, httpPort] = [await findFreePort(), await findFreePort()];
  const lines = { ADMIN_EMAIL, HTTPS_PORT: httpsPort, HTTP_PORT: httpPort, ...settings };
  writeFileSync(
    join(directory, '.env'),
    Object.entries(lines)
      .map(([key, value]) => `${key}=${String(value)}\n`)
      .join(''),
  );
  const docker = (/** @type {string[]} */ ...args) => run('docker', args, { env, cwd: directory });
  const compose = (/** @type {string[]} */ ...args) =>
    docker('compose', '--project-name', name, '--file', FILE, ...args);
  const config = /** @type {unknown} */ (JSON.parse(await compose('config', '--format', 'json')));
  const model = /** @type {{ services: Record<string, { image: string }> }} */ (config);
  /** @type {string[]} */
  const services = [];
  /** @type {string[]} */
  const without = [];
  for (const [service, { image }] of Object.entries(model.services)) {
    if (await succeeds('docker', ['image', 'inspect', image], { env })) services.push(service);
    else without.push(`${service} (there is no ${image})`);
  }
  later(() => compose('down', '--volumes', '--timeout', '5'));
  return {
    directory,
    host: HOST,
    httpsPort,
    httpPort,
    services,
    without,
    admin: {
      email: ADMIN_EMAIL,
      password: readFileSync(join(directory, 'secrets/admin_password'), 'utf8').trim(),
    },
    docker,
    compose,
    up: () => compose('up', '--detach', '--wait', '--pull', 'never', ...services),
    containerOf: (/** @type {string} */ service) => compose('ps', '--all', '--quiet', service),
    /** @returns {Promise<string[]>} the containers that publish a port, each with its ports */
    doors: async () => {
      const format = ['--format', '{{.Names}} {{.Ports}}'];
      const all = await docker('ps', '--filter', `label=com.docker.compose.project=${name}`, ...format);
      return all.split('\n').filter((line) => line.includes('->'));
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof createComposeProject>>} ComposeProject */
