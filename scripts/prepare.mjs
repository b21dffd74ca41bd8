// @ts-check
import { ensureGenerated } from './setup/build.mjs';
import { ensureInstalled } from './setup/install.mjs';
import { createSteps, reportFailure } from './setup/steps.mjs';

// Makes a fresh clone ready for its other commands: packages and the Prisma client. Like the start it
// runs on the system's Node, before any package is there.
const steps = createSteps();
try {
  await ensureInstalled(steps);
  await ensureGenerated(steps);
} catch (error) {
  reportFailure(error);
  process.exit(1);
}
