// @ts-check
// The images that the project makes itself, beside that of the application.
import { PROJECT } from '../../setup/project.mjs';
import { run } from '../cache.mjs';
import { UP } from '../compose-project.mjs';
import { codeOf } from '../shop-client.mjs';
import { baseOf, ensureImages } from '../stand-ins.mjs';

const BUILD_DEADLINE_MS = 900_000;

/** Dockerfile, and the folder that it is built from. */
const IMAGES = {
  gateway: { file: 'deployment/docker/nginx/Dockerfile', context: 'deployment/docker/nginx' },
  firewall: { file: 'deployment/docker/nginx/modsecurity/Dockerfile', context: 'deployment/docker/nginx' },
  backup: { file: 'deployment/docker/backup/Dockerfile', context: '.' },
};

/** @typedef {import('./stage.mjs').Stage} Stage */

/**
 * @param {Pick<Stage, 'engine' | 'rehearsal'>} stage
 * @param {keyof typeof IMAGES} name
 * @returns {Promise<string | null>} null when its base cannot be had, which was said
 */
export async function buildProjectImage({ engine, rehearsal: { leftOut } }, name) {
  const { file, context } = IMAGES[name];
  const [base] = await ensureImages(engine, [baseOf(file)]);
  if (base === undefined || base.source === 'none') {
    leftOut(`${file} (${base?.name ?? 'its base'}: ${base?.what ?? ''})`);
    return null;
  }
  const tag = `caudal-${name}:rehearsal`;
  const network = engine.env['BUILD_NETWORK'] === undefined ? [] : ['--network', engine.env['BUILD_NETWORK']];
  await run('docker', ['build', '--file', file, '--tag', tag, ...network, context], {
    ...{ cwd: PROJECT, env: engine.env, timeoutMs: BUILD_DEADLINE_MS },
  });
  return tag;
}

/**
 * The image of the backups has its program, of a version that knows the server, and its scripts.
 *
 * @param {Stage} stage
 * @returns {Promise<string | null>} its name; null when it cannot be made, which was said
 */
export async function rehearseBackupImage(stage) {
  const { engine, rehearsal } = stage;
  const image = await buildProjectImage(stage, 'backup');
  if (image === null) return null;
  const hardened = [
    '--read-only',
    '--tmpfs',
    '/tmp',
    '--cap-drop',
    'ALL',
    '--user',
    '65532:65532',
    '--network',
    'none',
  ];
  const inside = (/** @type {string[]} */ ...command) =>
    engine.docker('run', '--rm', ...hardened, image, ...command);
  const version = await inside('pgbackrest', 'version');
  const server = await inside('postgres', '--version');
  rehearsal.goal(/pgBackRest 2\.(5[7-9]|[6-9]\d)/.test(version), `backup image: ${version} beside ${server}`);
  for (const script of ['backup.sh', 'restore.sh']) {
    const help = await inside(`/opt/caudal-pgbackrest/${script}`, '--help');
    rehearsal.goal(help.startsWith('Usage:'), `backup image: ${script} --help`);
  }
  return image;
}

/**
 * The gateway's own image in the place of the official nginx: its configuration is sound, and it compresses by brotli.
 *
 * @param {Stage} stage
 */
export async function rehearseGatewayImage(stage) {
  const { rehearsal, project, client } = stage;
  const { say, goal } = rehearsal;
  const image = await buildProjectImage(stage, 'gateway');
  if (image === null) return;
  project.set({ NGINX_IMAGE: image });
  await project.compose(...UP, '--no-deps', 'nginx');
  client.forgetConnections();
  const container = await project.containerOf('nginx');
  const version = await project.docker('exec', container, 'sh', '-c', 'nginx -v 2>&1');
  say(`nginx is the image of ${IMAGES.gateway.file} now: ${version}`);
  const test = await project.docker('exec', container, 'sh', '-c', 'nginx -t 2>&1');
  goal(/test is successful/.test(test), `nginx -t: ${test.split('\n').at(-1) ?? ''}`);
  const answer = await client.send('GET', '/api/v1/products/rehearsal', {
    headers: { 'accept-encoding': 'br' },
  });
  const encoding = answer.headers['content-encoding'] ?? 'none';
  goal(
    answer.status === 200 && encoding === 'br',
    `a request with Accept-Encoding: br: ${String(answer.status)}, ${encoding}`,
  );
}

/**
 * The overlay with ModSecurity: an attack is refused and written down, an order passes.
 *
 * @param {Stage} stage
 */
export async function rehearseFirewall(stage) {
  const { rehearsal, project, client, shop } = stage;
  const { goal } = rehearsal;
  const image = await buildProjectImage(stage, 'firewall');
  if (image === null) return;
  project.set({ FIREWALL_IMAGE: image });
  await project.compose('--file', 'deployment/docker/compose.modsecurity.yml', ...UP, '--no-deps', 'nginx');
  client.forgetConnections();
  const attack = await client.send('GET', `/api/v1/products?q=${encodeURIComponent("' OR 1=1--")}`);
  const { 'content-type': type = 'no type' } = attack.headers;
  goal(
    attack.status === 403 &&
      codeOf(attack) === 'REQUEST_BLOCKED' &&
      type.startsWith('application/problem+json'),
    `the firewall, asked for SQL: ${String(attack.status)} ${codeOf(attack)}, ${type}`,
  );
  const log = await project.docker('logs', '--tail', '20', await project.containerOf('nginx'));
  const line = log.split('\n').find((each) => each.includes('"msg":"firewall"'));
  goal(line?.includes(String(attack.body['requestId'])) === true, `and writes: ${line ?? 'nothing'}`);
  const order = await client.placeOrder(shop);
  goal(
    order.status === 201,
    `an order through the firewall: ${String(order.status)} ${codeOf(order)}`.trim(),
  );
}
