// npm run capacity -- --rps 100000 --users 1000000
// Capacity on paper: what a load takes, from figures measured on one core and the shipped configuration.
import { simulateStep, warmPodsForZero } from './capacity/autoscaler-simulation.mjs';
import { outdatedFigures, readMeasured, refreshMeasured } from './capacity/measured.mjs';
import { readOptions, USAGE } from './capacity/options.mjs';
import { planCapacity } from './capacity/plan.mjs';
import { reportPlan, reportStep } from './capacity/report.mjs';
import { readShippedObjects, shippedNumbers } from './capacity/shipped.mjs';
import { stepOf } from './capacity/step.mjs';
import { StartError } from './services/start-error.mjs';

try {
  run(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

/** @param {import('./capacity/options.mjs').CapacityOptions} options */
function run(options) {
  if (options.help) {
    console.log(USAGE);
    return;
  }
  if (options.refresh) {
    for (const change of refreshMeasured()) console.log(change);
    return;
  }
  const shipped = shippedNumbers(readShippedObjects());
  const measured = readMeasured();
  for (const name of outdatedFigures(measured))
    console.log(`${name} is not what its document says: npm run capacity -- --refresh`);
  const load = {
    rps: options.rps,
    users: options.users,
    mix: options.mix,
    headroom: options.headroom ?? 1 - shipped.cpuTarget,
    coresPerPod: options.cores ?? shipped.coresPerPod,
  };
  const plan = planCapacity(load, shipped, measured);
  const step = options.step === null ? null : stepOf(options.step, plan, shipped, measured);
  if (step !== null && step.warmPods > step.maxPods)
    throw new StartError(
      `--warm=${String(step.warmPods)} is more than the maximum of ${String(step.maxPods)} pods`,
    );
  for (const line of reportPlan(plan, shipped)) console.log(line);
  if (step === null) return;
  const enough = warmPodsForZero(step);
  const counts = new Set([step.warmPods, ...(enough === null ? [step.maxPods] : [enough - 1, enough])]);
  const runs = [...counts]
    .filter((warmPods) => warmPods > 0)
    .sort((one, other) => one - other)
    .map((warmPods) => ({ warmPods, outcome: simulateStep({ ...step, warmPods }) }));
  for (const line of reportStep(step, runs, enough)) console.log(line);
}
