// @ts-check
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureGenerated } from './setup/build.mjs';
import { ensureInstalled } from './setup/install.mjs';
import { PROJECT, PROJECT_NODE } from './setup/project.mjs';
import { createSteps, reportFailure } from './setup/steps.mjs';
import { USAGE, readOptions } from './start/options.mjs';

// `npm start`. On a fresh clone this runs on the system's Node with no packages, so everything that
// needs either is imported only after they are there and the project's own Node runs.

const steps = createSteps();
try {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  // A bad value is told before minutes are spent on an installation.
  const options = readOptions(args, process.env);
  await ensureInstalled(steps);
  if (Number(process.versions.node.split('.')[0]) >= 24) {
    await ensureGenerated(steps);
    const { serve } = await import('./start/serve.mjs');
    await serve(options, steps);
  } else {
    await continueOnProjectNode(args);
  }
} catch (error) {
  reportFailure(error);
  process.exit(1);
}

/** @param {string[]} args */
async function continueOnProjectNode(args) {
  const child = spawn(PROJECT_NODE, [fileURLToPath(import.meta.url), ...args], {
    cwd: PROJECT,
    stdio: 'inherit',
  });
  // Ctrl-C reaches the child as well, and its orderly end is what this process waits for.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGTERM'));
  /** @type {number} */
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode) => {
      resolve(exitCode ?? 1);
    });
  });
  process.exit(code);
}
