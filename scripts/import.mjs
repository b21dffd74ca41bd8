// @ts-check
// npm run import -- FILE
// Loads a catalogue with the built program, into DATABASE_URL or the database of the local `npm start`.
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { findLocalInstallation, getDatabaseUrl, LocalInstallationError } from './load/local-installation.mjs';
import { ensureBuilt, ensureGenerated } from './setup/build.mjs';
import { ensureInstalled } from './setup/install.mjs';
import { PROJECT, PROJECT_NODE } from './setup/project.mjs';
import { createSteps, reportFailure } from './setup/steps.mjs';

/**
 * npm changes to the project's directory and keeps the one it was called from in INIT_CWD.
 *
 * @param {string} argument
 */
function fromCaller(argument) {
  return argument.startsWith('-') ? argument : resolve(process.env['INIT_CWD'] ?? '.', argument);
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
async function main(args) {
  const steps = createSteps(process.stderr);
  await ensureInstalled(steps);
  await ensureGenerated(steps);
  await ensureBuilt(steps);
  const isHelp = args.length === 0 || args.includes('--help') || args.includes('-h');
  const databaseUrl = isHelp ? undefined : getDatabaseUrl(findLocalInstallation(process.env));
  const child = spawn(PROJECT_NODE, [join(PROJECT, 'dist', 'import.js'), ...args.map(fromCaller)], {
    stdio: 'inherit',
    env: { ...process.env, ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }) },
  });
  // Ctrl-C reaches the child as well; its end decides.
  process.on('SIGINT', () => undefined);
  return new Promise((resolveCode, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      resolveCode(code ?? 1);
    });
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof LocalInstallationError) process.stderr.write(`import: ${error.message}\n`);
  else reportFailure(error);
  process.exitCode = 1;
}
