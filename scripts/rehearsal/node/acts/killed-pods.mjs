// @ts-check
import { pause } from '../../cache.mjs';
import { REPLICAS } from '../overlay.mjs';
import { processIn } from '../pods.mjs';
import { goalBooksAgree, goalNothingFailed } from './stage.mjs';

const KILLS = 5;
/** Between two: a killed process is back, and what comes next meets a whole fleet or not. */
const PAUSE_MS = 12_000;

/** @param {import('./stage.mjs').Stage} stage */
export async function killFivePods(stage) {
  const { installation, crowd, rehearsal } = stage;
  const { pods } = installation;
  await pods.whenReady(REPLICAS);
  const { visits } = await crowd.during(async () => {
    await pause(5_000);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const all = await pods.list('api');
      const pod = all.find(({ isReady }, index) => isReady && index >= kill % all.length) ?? all[0];
      if (pod === undefined) throw new Error('there are no pods to kill');
      process.kill(processIn(pod), 'SIGKILL');
      rehearsal.say(`  killed with -9: ${pod.name}`);
      await pods.whenRestarted(pod);
      await pause(PAUSE_MS / 4);
    }
  }, 30);
  goalNothingFailed(stage, `${String(KILLS)} pods killed with -9`, visits, { all: false });
  await goalBooksAgree(stage, 'after the kills');
}
