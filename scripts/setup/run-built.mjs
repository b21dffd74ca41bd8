// @ts-check
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { LocalInstallationError } from '../load/local-installation.mjs';
import { ensureBuilt, ensureGenerated } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { PROJECT, PROJECT_NODE } from './project.mjs';
import { createSteps, reportFailure } from './steps.mjs';

/**
 * @typedef {object} BuiltProgram
 * @property {string} name of the npm script, told with what goes wrong
 * @property {string} file the program in `dist`
 * @property {string[]} args
 * @property {() => NodeJS.ProcessEnv} environment asked when the program is built
 */

/**
 * Installs, generates and builds what is not yet, then runs a program of `dist` in the directory that npm
 * was called from. Its exit code becomes this process's, 1 when it could not be run.
 *
 * @param {BuiltProgram} program
 */
export async function runBuilt(program) {
  try {
    process.exitCode = await run(program);
  } catch (error) {
    if (error instanceof LocalInstallationError) process.stderr.write(`${program.name}: ${error.message}\n`);
    else reportFailure(error);
    process.exitCode = 1;
  }
}

/**
 * @param {BuiltProgram} program
 * @returns {Promise<number>} the exit code
 */
async function run({ file, args, environment }) {
  const steps = createSteps(process.stderr);
  await ensureInstalled(steps);
  await ensureGenerated(steps);
  await ensureBuilt(steps);
  const child = spawn(PROJECT_NODE, [join(PROJECT, 'dist', file), ...args], {
    stdio: 'inherit',
    // npm changes to the project's directory and keeps the one it was called from in INIT_CWD.
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
    env: environment(),
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
