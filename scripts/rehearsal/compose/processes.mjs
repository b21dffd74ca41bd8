// @ts-check
import { pause } from '../cache.mjs';
import { startLoad } from '../shop-client.mjs';

const LOAD_MS = Number(process.env['LOAD_MS'] ?? 20_000);

/**
 * Under load one application is killed with -9 and another restarted: no request that may be repeated fails.
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function rehearseProcesses({ rehearsal: { say, goal, signal }, project, client, shop }) {
  const load = startLoad(client, shop, signal);
  await pause(LOAD_MS / 4);
  const killed = await project.containerOf('app-2');
  await project.docker('kill', '--signal', 'KILL', killed);
  say('app-2 killed with -9');
  await pause(LOAD_MS / 4);
  await project.docker('start', killed);
  await project.compose('restart', 'app-3');
  say('app-2 started again, app-3 restarted');
  await pause(LOAD_MS / 2);
  const { line, failed } = await load.stop();
  say(`under load: ${line}`);
  goal(failed === 0, 'no request failed that may be repeated');
}
