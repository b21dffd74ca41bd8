// @ts-check
// A copy of the compose stack, with secrets and ports of its own, that leaves nothing behind.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../services/ports.mjs';
import { PROJECT } from '../setup/project.mjs';
import { run } from './cache.mjs';
import { ensureImages } from './stand-ins.mjs';

const FILE = 'docker-compose.production.yml';
const ADMIN_EMAIL = 'admin@example.com';
/** The name in the certificate that create-secrets.sh makes. */
const HOST = 'shop.example.com';

/**
 * @param {{ engine: import('./engine.mjs').Engine, later: (cleanUp: () => unknown) => void, name?: string, settings?: Record<string, string> }} options
 *   `settings` go into the .env of the stack; the images that they name have to be there
 */
export async function createComposeProject({
  engine: { env, ...engine },
  later,
  name = 'caudal-rehearsal',
  settings = {},
}) {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-compose-'));
  later(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  for (const path of [FILE, 'deployment'])
    cpSync(join(PROJECT, path), join(directory, path), { recursive: true });
  await run(join(directory, 'deployment/scripts/create-secrets.sh'), ['--host', HOST], { cwd: directory });
  const [httpsPort, httpPort] = [await findFreePort(), await findFreePort()];
  /** @type {Record<string, string | number>} */
  const dotenv = { ADMIN_EMAIL, HTTPS_PORT: httpsPort, HTTP_PORT: httpPort, ...settings };
  const writeDotenv = () => {
    const lines = Object.entries(dotenv).map(([key, value]) => `${key}=${String(value)}\n`);
    writeFileSync(join(directory, '.env'), lines.join(''));
  };
  writeDotenv();
  const docker = (/** @type {string[]} */ ...args) => run('docker', args, { env, cwd: directory });
  const compose = (/** @type {string[]} */ ...args) =>
    docker('compose', '--project-name', name, '--file', FILE, ...args);
  const config = /** @type {unknown} */ (JSON.parse(await compose('config', '--format', 'json')));
  const model = /** @type {{ services: Record<string, { image: string }> }} */ (config);
  const entries = Object.entries(model.services);
  const foreign = entries.filter(([, { image }]) => !Object.values(settings).includes(image));
  const images = await ensureImages(
    { env, ...engine },
    foreign.map(([, { image }]) => image),
  );
  const without = images.filter(({ source }) => source === 'none').map(({ name: image }) => image);
  const services = entries.filter(([, { image }]) => !without.includes(image)).map(([service]) => service);
  later(() => compose('down', '--volumes', '--timeout', '5'));
  return {
    name,
    directory,
    host: HOST,
    httpsPort,
    httpPort,
    services,
    /** For each image that is not the project's: whose services run on what. */
    images: images.map((image) => ({
      ...image,
      services: foreign.filter(([, each]) => each.image === image.name).map(([service]) => service),
    })),
    admin: {
      email: ADMIN_EMAIL,
      password: readFileSync(join(directory, 'secrets/admin_password'), 'utf8').trim(),
    },
    docker,
    compose,
    up: () => compose('up', '--detach', '--wait', '--pull', 'never', ...services),
    /** @param {Record<string, string | number>} lines in the place of what .env says */
    set: (lines) => {
      Object.assign(dotenv, lines);
      writeDotenv();
    },
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
