// @ts-check
// npm run rehearse:image [-- [--once] [IMAGE]]
// Builds the image and runs it, hardened as in production, on a PostgreSQL and a Redis of its own beside the bare process of
// dist/. --once: without what takes long or is a matter of time, for .ci/run. With the name of an image none is built.
// Takes the Docker Engine that answers, otherwise starts one. Exit code 1: a goal was missed; 69: it cannot be run here.
import { rehearse } from '../rehearsal/cache.mjs';
import { startEngine } from '../rehearsal/engine.mjs';
import { buildImage, describeImage } from '../rehearsal/image-build.mjs';
import { migrate, runBare, runImage, startDependencies } from '../rehearsal/image-runs.mjs';
import { ensureBuilt, ensureGenerated } from '../setup/build.mjs';
import { ensureInstalled } from '../setup/install.mjs';
import { createSteps } from '../setup/steps.mjs';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const HEALTH_CHECKS = Number(process.env['HEALTH_CHECKS'] ?? 500);
const DEADLINE_MS = 2_400_000;
const START_RATIO_MAX = 1.2;
const STOP_RATIO_MAX = 1.1;

/** @typedef {import('../rehearsal/engine.mjs').Engine} Engine */
/** @typedef {import('../rehearsal/cache.mjs').Rehearsal} Rehearsal */
/** @typedef {import('../rehearsal/image-runs.mjs').Settings} Settings */

/** @param {readonly number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** @param {Engine} engine @param {string} image @param {Settings} settings @param {Rehearsal} rehearsal */
async function runOnce(engine, image, settings, { goal }) {
  const { code, result } = await runImage(engine, image, settings, (id) =>
    engine.docker('exec', id, 'node', 'dist/health-check.js').then(
      () => true,
      () => false,
    ),
  );
  goal(
    true,
    '/health/ready said 200 with a read-only root, no capability, no new privilege and a foreign user',
  );
  goal(result, 'its health check ended with 0');
  goal(code === 0, `SIGTERM: exit ${String(code)}`);
}

/** @param {Engine} engine @param {string} image @param {Settings} settings @param {Rehearsal} rehearsal */
async function compare(engine, image, settings, { goal }) {
  /** @type {{ bare: import('../rehearsal/image-runs.mjs').Seen[], image: import('../rehearsal/image-runs.mjs').Seen[] }} */
  const seen = { bare: [], image: [] };
  // In turns, so that what else happens on the machine happens to both.
  for (let round = 0; round < ROUNDS; round += 1) {
    seen.bare.push(await runBare(settings));
    seen.image.push(await runImage(engine, image, settings, () => Promise.resolve()));
  }
  for (const [name, field, max] of /** @type {const} */ ([
    ['cold start to ready', 'startMs', START_RATIO_MAX],
    ['SIGTERM to exit', 'stopMs', STOP_RATIO_MAX],
  ])) {
    const [ours, bare] = [
      median(seen.image.map((each) => each[field])),
      median(seen.bare.map((each) => each[field])),
    ];
    const figures = `${ours.toFixed(0)} ms, bare ${bare.toFixed(0)} ms`;
    goal(
      ours <= max * bare,
      `${name}: ${figures}, ratio ${(ours / bare).toFixed(2)} (at most ${String(max)})`,
    );
  }
  const codes = [...seen.image, ...seen.bare].map(({ code }) => code);
  goal(
    codes.every((code) => code === 0),
    `exit codes: ${codes.join(' ')}`,
  );
}

/** @param {Engine} engine @param {string} image @param {Settings} settings @param {Rehearsal} rehearsal */
async function countZombies(engine, image, settings, { goal }) {
  const { result } = await runImage(engine, image, settings, async (id) => {
    // As the engine runs a HEALTHCHECK: an exec of its command, not a child of the application.
    for (let check = 0; check < HEALTH_CHECKS; check += 1)
      await engine.docker('exec', id, 'node', 'dist/health-check.js');
    return (await engine.docker('exec', id, 'sh', '-c', 'cat /proc/[0-9]*/stat')).split('\n');
  });
  const zombies = result.filter((line) => / Z /.test(line)).length;
  goal(
    zombies === 0,
    `zombies after ${String(HEALTH_CHECKS)} health checks: ${String(zombies)} (of ${String(result.length)} processes, those that count among them)`,
  );
}

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log('Usage: npm run rehearse:image [-- [--once] [IMAGE]]   (IMAGE: run this one and build none)');
  process.exit(0);
}
const isOnce = args.includes('--once');
const given = args.find((argument) => !argument.startsWith('--'));

await rehearse('image', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const { say, later } = rehearsal;
  const steps = createSteps();
  await ensureInstalled(steps);
  await ensureGenerated(steps);
  await ensureBuilt(steps);
  const engine = await startEngine({ later });
  const image = given ?? 'caudal:rehearsal';
  if (given === undefined) await buildImage(engine, rehearsal, image);
  await describeImage(engine, image, say);
  const settings = await startDependencies(later);
  say(await migrate(engine, image, settings));
  await runOnce(engine, image, settings, rehearsal);
  if (isOnce) return;
  await compare(engine, image, settings, rehearsal);
  await countZombies(engine, image, settings, rehearsal);
});
