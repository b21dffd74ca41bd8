// @ts-check
import { REPLICAS } from '../overlay.mjs';
import { goalBooksAgree, goalNothingFailed } from './stage.mjs';

const RESTARTS = 20;
/** Kept for the end of the last one, the books and the end of the rehearsal. */
const RESERVE_MS = 120_000;
const ROLLOUT = ['--namespace=caudal', 'deployment/caudal-api'];

/** @param {import('./stage.mjs').Stage} stage @param {number} deadlineMs of the rehearsal, since the process started */
export async function restartTwentyTimes(stage, deadlineMs) {
  const { installation, crowd, rehearsal } = stage;
  const { kubectl, pods } = installation;
  await pods.whenReady(REPLICAS);
  let [done, replaced] = [0, 0];
  const { visits } = await crowd.during(async () => {
    while (done < RESTARTS && performance.now() < deadlineMs - RESERVE_MS) {
      const before = new Set((await pods.list('api')).map(({ name }) => name));
      const startedMs = performance.now();
      await kubectl(['rollout', 'restart', ...ROLLOUT]);
      await kubectl(['rollout', 'status', ...ROLLOUT, '--timeout=170s']);
      done += 1;
      replaced += (await pods.list('api')).filter(({ name, isReady }) => isReady && !before.has(name)).length;
      rehearsal.say(
        `  restart ${String(done)} of ${String(RESTARTS)}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s`,
      );
    }
    // The last ones are still leaving, and are to be met by requests meanwhile.
    await pods.whenReady(REPLICAS);
  });
  rehearsal.goal(
    done === RESTARTS && replaced === RESTARTS * REPLICAS,
    `${String(done)} of ${String(RESTARTS)} rolling restarts, ${String(replaced)} pods replaced`,
  );
  goalNothingFailed(stage, `${String(done)} rolling restarts`, visits, { all: true });
  await goalBooksAgree(stage, 'after the restarts');
}
