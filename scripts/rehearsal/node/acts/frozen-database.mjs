// @ts-check
import { pause, until } from '../../cache.mjs';
import { REPLICAS } from '../overlay.mjs';
import { query } from '../stores.mjs';

/** Longer than three failures of the liveness probe, 10 s apart. */
const FROZEN_MS = 45_000;
const MANAGEMENT_PORT = 9464;

/**
 * Liveness is green while PostgreSQL hangs, and readiness too: a dependency that all pods have lost must not take all of
 * them out of service (design, "Readiness").
 *
 * @param {import('./stage.mjs').Stage} stage
 */
export async function freezePostgres({ installation: { pods, stores }, rehearsal: { say, goal } }) {
  const before = await pods.whenReady(REPLICAS);
  /** @type {Map<string, number>} */
  const answers = new Map();
  stores.signalPostgres('SIGSTOP');
  say('  PostgreSQL is frozen, primary and standby');
  let wasAlwaysReady = true;
  try {
    const endMs = performance.now() + FROZEN_MS;
    while (performance.now() < endMs) {
      for (const { address } of before) {
        for (const path of ['/health/live', '/health/ready', '/health']) {
          const key = `${path} ${await statusOf(address, path)}`;
          answers.set(key, (answers.get(key) ?? 0) + 1);
        }
      }
      wasAlwaysReady &&= (await pods.list('api')).every(({ isReady }) => isReady);
      await pause(1_000);
    }
  } finally {
    stores.signalPostgres('SIGCONT');
  }
  const after = await pods.list('api');
  say(`  ${[...answers].map(([what, count]) => `${what}: ${String(count)}`).join(', ')}`);
  const isGreen = (/** @type {string} */ path) =>
    [...answers.keys()].filter((key) => key.startsWith(`${path} `)).every((key) => key.endsWith(' 200'));
  const restarts = (/** @type {typeof before} */ list) => list.reduce((sum, pod) => sum + pod.restarts, 0);
  goal(
    isGreen('/health/live') && restarts(after) === restarts(before),
    'PostgreSQL frozen: liveness is green, no restart',
  );
  goal(
    isGreen('/health/ready') && wasAlwaysReady,
    'PostgreSQL frozen: every pod stays ready (the loss of a dependency is not its)',
  );
  goal((answers.get('/health 503') ?? 0) > 0, 'PostgreSQL frozen: /health tells of it');
  const startedMs = performance.now();
  await until('the shop to know its database again', 60_000, async () => {
    await query(stores.url, 'SELECT 1');
    const all = await Promise.all(before.map(({ address }) => statusOf(address, '/health')));
    return all.every((status) => status === '200');
  });
  goal(
    true,
    `PostgreSQL goes on: healthy again after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
  );
}

/** @param {string} address @param {string} path */
const statusOf = async (address, path) => {
  try {
    const url = `http://${address}:${String(MANAGEMENT_PORT)}${path}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) });
    await answer.arrayBuffer();
    return String(answer.status);
  } catch (error) {
    return error instanceof Error ? error.name : 'failed';
  }
};
