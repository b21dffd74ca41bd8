// @ts-check
// A copy of the compose stack, with secrets and ports of its own, that leaves nothing behind.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../services/ports.mjs';
import { PROJECT } from '../setup/project.mjs';
import { run, say } from './cache.mjs';
import { ensureImages } from './stand-ins.mjs';

/** Starts what follows, of images that are here, and waits until it is healthy. */
export const UP = ['up', '--detach', '--wait', '--pull', 'never'];

const FILE = 'docker-compose.production.yml';
const HEALTH_CHECK_TIMEOUT = '30s';
const UP_DEADLINE_MS = 1_200_000;
const ADMIN_EMAIL = 'admin@example.com';
/** The name in the certificate that create-secrets.sh makes. */
const HOST = 'shop.example.com';

const DOCKER = 'deployment/docker';
const overlayFile = (/** @type {string} */ overlay) => `${DOCKER}/compose.${overlay}.yml`;

/**
 * @param {{ engine: import('./engine.mjs').Engine, later: (cleanUp: () => unknown) => void, name: string, overlays?: readonly string[], settings?: Record<string, string> }} options
 *   `settings` go into the .env of the stack; the images that they name have to be there
 */
export async function createComposeProject({
  engine: { env, ...engine },
  later,
  name,
  overlays = [],
  settings = {},
}) {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-compose-'));
  later(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  for (const path of [FILE, 'deployment'])
    cpSync(join(PROJECT, path), join(directory, path), { recursive: true });
  // A machine that does more than a host would: an answer may be late here, and it still has to come.
  const overlayFiles = readdirSync(join(directory, DOCKER)).filter((file) => file.startsWith('compose.'));
  for (const path of [FILE, ...overlayFiles.map((file) => join(DOCKER, file))]) {
    const text = readFileSync(join(directory, path), 'utf8');
    const patient = text.replaceAll(/^( {4,6}timeout:) \d+s$/gm, `$1 ${HEALTH_CHECK_TIMEOUT}`);
    writeFileSync(join(directory, path), patient);
  }
  await run(join(directory, 'deployment/scripts/create-secrets.sh'), ['--host', HOST], { cwd: directory });
  const [httpsPort, httpPort] = [await findFreePort(), await findFreePort()];
  const dotenv = join(directory, '.env');
  /** What else is in it stays: deploy.sh writes it as well. @param {Record<string, string | number>} lines */
  const set = (lines) => {
    const before = existsSync(dotenv) ? readFileSync(dotenv, 'utf8').split('\n') : [];
    const kept = before.filter((line) => line !== '' && !((line.split('=')[0] ?? '') in lines));
    const all = [...kept, ...Object.entries(lines).map(([key, value]) => `${key}=${String(value)}`)];
    writeFileSync(dotenv, all.map((line) => `${line}\n`).join(''));
  };
  const files = [FILE, ...overlays.map(overlayFile)];
  set({
    COMPOSE_FILE: files.join(':'),
    ADMIN_EMAIL,
    HTTPS_PORT: httpsPort,
    HTTP_PORT: httpPort,
    ...settings,
  });
  const docker = (/** @type {string[]} */ ...args) => run('docker', args, { env, cwd: directory });
  const base = () => [
    ...['compose', '--progress', 'quiet', '--project-name', name],
    ...files.flatMap((file) => ['--file', file]),
  ];
  const compose = (/** @type {string[]} */ ...args) => docker(...base(), ...args);
  /** The services that have an image, and for each that is not the project's, whose services run on what. */
  const readModel = async (/** @type {string[]} */ own) => {
    const config = /** @type {unknown} */ (JSON.parse(await compose('config', '--format', 'json')));
    const model = /** @type {{ services: Record<string, { image: string }> }} */ (config);
    const entries = Object.entries(model.services);
    const foreign = entries.filter(([, { image }]) => !own.includes(image));
    const images = await ensureImages(
      { env, ...engine },
      foreign.map(([, { image }]) => image),
    );
    const without = images.filter(({ source }) => source === 'none').map(({ name: image }) => image);
    return {
      services: entries.filter(([, { image }]) => !without.includes(image)).map(([service]) => service),
      images: images.map((image) => ({
        ...image,
        services: foreign.filter(([, each]) => each.image === image.name).map(([service]) => service),
      })),
    };
  };
  const { services, images } = await readModel(Object.values(settings));
  /** What is not well, and what it said last. */
  const explain = async () => {
    say(await compose('ps', '--all', '--format', '{{.Service}}: {{.Status}}'));
    for (const state of ['health=unhealthy', 'exited=1', 'status=restarting']) {
      const mine = ['--filter', `label=com.docker.compose.project=${name}`, '--filter', state];
      const unwell = await docker('ps', '--all', '--quiet', ...mine);
      for (const id of unwell.split('\n').filter((each) => each !== '')) {
        const health = '{{.Name}} {{with .State.Health}}{{range .Log}}{{.Output}}{{end}}{{end}}';
        say((await docker('inspect', '--format', health, id)).slice(0, 300));
        say(await run('sh', ['-c', 'docker logs --tail 10 "$0" 2>&1', id], { env }));
      }
    }
  };
  later(() => compose('down', '--volumes', '--timeout', '5'));
  return {
    name,
    directory,
    host: HOST,
    httpsPort,
    httpPort,
    services,
    images,
    admin: {
      email: ADMIN_EMAIL,
      password: readFileSync(join(directory, 'secrets/admin_password'), 'utf8').trim(),
    },
    docker,
    compose,
    up: async () => {
      try {
        return await run('docker', [...base(), ...UP, ...services], {
          env,
          cwd: directory,
          timeoutMs: UP_DEADLINE_MS,
        });
      } catch (error) {
        await explain().catch(() => {});
        throw error;
      }
    },
    /** @param {Record<string, string | number>} lines in the place of what .env says */
    set,
    /**
     * With one overlay more from the next `up` on.
     *
     * @param {string} overlay
     * @param {Record<string, string>} own settings that name images of the project
     */
    extend: async (overlay, own) => {
      files.push(overlayFile(overlay));
      // For the scripts of the host.
      set({ COMPOSE_FILE: files.join(':'), ...own });
      // deploy.sh may have brought another image by now.
      const [, running = ''] = /^CAUDAL_IMAGE=(.*)$/m.exec(readFileSync(dotenv, 'utf8')) ?? [];
      const model = await readModel([running, ...Object.values({ ...settings, ...own })]);
      services.splice(0, services.length, ...model.services);
      return model.images;
    },
    /** What a server of the internal network answers, asked from the container of Prometheus. */
    askInside: (/** @type {string} */ url) =>
      compose('exec', '-T', 'prometheus', 'wget', '-q', '-O', '-', url),
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
