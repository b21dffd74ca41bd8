// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, run } from '../cache.mjs';
import { startLoad } from '../shop-client.mjs';
import { buildFaultyImages, FAULTY_IMAGES } from './faulty-images.mjs';
import { runHostScript } from './host-script.mjs';

/** Long enough for several looks of watch-health.sh, which takes three failures for a fault. */
const WATCH = ['--watch', '12'];

/**
 * Deployments by deployment/scripts/deploy.sh under load: a good image gets the traffic, each bad one is taken back by
 * itself, one that was killed is finished. No request may fail in any of them.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseDeployments({ rehearsal, project, env, client, shop }) {
  const { say, goal, later, signal } = rehearsal;
  /** The image and the container that nginx asks. */
  const running = async () => {
    const upstreams = readFileSync(join(project.directory, 'deployment/docker/nginx/upstreams.conf'), 'utf8');
    const colour = /^server app-1-(\w+):/m.exec(upstreams)?.[1] ?? '';
    const filters = [`label=com.docker.compose.project=${project.name}`, `label=caudal.colour=${colour}`];
    const args = [...filters, 'label=com.docker.compose.service=app-1'].flatMap((each) => ['--filter', each]);
    const container = await project.docker('ps', '--quiet', ...args);
    return project.docker('inspect', '--format', '{{.Config.Image}} {{.Id}}', container);
  };
  const base = (await running()).split(' ')[0] ?? '';
  later(() => project.docker('image', 'rm', '--force', ...FAULTY_IMAGES));
  const image = await buildFaultyImages((input, ...args) => run('docker', args, { env, input }), base);

  /**
   * @param {string} what
   * @param {import('./faulty-images.mjs').FaultyImage} name
   * @param {{ code: number, runs: string, args?: string[], killAt?: string, says?: RegExp }} expected
   */
  const deploy = async (what, name, { code, runs, args = [], killAt, says }) => {
    say(`deploy.sh, ${what}`);
    const load = startLoad(client, shop, signal);
    await pause(1_000);
    const result = await runHostScript(
      project,
      env,
      'deploy.sh',
      [image(name), ...WATCH, ...args],
      killAt === undefined ? {} : { killAt },
    );
    await pause(1_000);
    const { line, failed } = await load.stop();
    say(`under load: ${line}`);
    const found = await running();
    goal(
      result.code === code,
      `${what}: exit code ${String(result.code)} after ${result.seconds.toFixed(0)} s`,
    );
    if (says !== undefined) goal(says.test(result.lastError), `it says why: ${result.lastError}`);
    goal(found.startsWith(`${runs} `), `${runs} runs`);
    goal(failed === 0, `${String(failed)} failed requests`);
  };

  await deploy('an image that ends at once', 'exits', { code: 1, runs: base, says: /ends by itself/ });
  await deploy('an image that is never ready', 'never-ready', {
    ...{ code: 1, runs: base, says: /not healthy within|unhealthy/ },
    args: ['--timeout', '20'],
  });
  await deploy('an image that fails the smoke test', 'failing', {
    code: 1,
    runs: base,
    says: /smoke: catalogue/,
  });
  await deploy('a good image', 'good', { code: 0, runs: image('good') });

  const before = await running();
  const again = await runHostScript(project, env, 'deploy.sh', [image('good')]);
  goal(again.code === 0 && (await running()) === before, 'the same image again changes nothing');
  await project.up();
  goal((await running()) === before, 'nor does `docker compose up`');

  await deploy('an image that is unwell when it has the traffic', 'unwell-later', {
    ...{ code: 1, runs: image('good'), says: /failures in a row/ },
  });
  const killed = { code: 137, killAt: 'is healthy' };
  await deploy('killed with -9 before the switch', 'better', { ...killed, runs: image('good') });
  await deploy('killed with -9 after the switch', 'better', {
    ...{ code: 137, killAt: 'has the traffic', runs: image('better') },
  });
  await deploy('run again', 'better', { code: 0, runs: image('better') });
  const processes = await project.compose('ps', '--all', '--quiet', 'app-1', 'app-2', 'app-3', 'worker');
  goal(
    processes.split('\n').length === 4,
    `${String(processes.split('\n').length)} processes are left, none of another colour`,
  );
}
