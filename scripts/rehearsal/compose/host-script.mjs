// @ts-check
import { spawn } from 'node:child_process';
import { say, UNAVAILABLE } from '../cache.mjs';

/**
 * Runs one of deployment/scripts of the project as an operator would, and shows what it says.
 *
 * @param {import('../compose-project.mjs').ComposeProject} project
 * @param {NodeJS.ProcessEnv} env of the engine
 * @param {string} name
 * @param {readonly string[]} args
 * @param {{ killAt?: string }} [options] `killAt`: kill -9, with its whole group, as soon as it has said that
 * @returns {Promise<{ code: number, lastError: string, seconds: number }>} code 137 when it was killed
 */
export function runHostScript({ directory, name: project }, env, name, args, { killAt } = {}) {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(`deployment/scripts/${name}`, args, {
      cwd: directory,
      env: { ...process.env, ...env, COMPOSE_PROJECT_NAME: project },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let lastError = '';
    const show = (/** @type {string} */ text) => {
      for (const line of text.split('\n').filter((each) => each.trim() !== '')) say(`    ${line}`);
      if (killAt !== undefined && text.includes(killAt) && child.pid !== undefined)
        process.kill(-child.pid, 'SIGKILL');
    };
    child.stdout.setEncoding('utf8').on('data', show);
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      lastError = text.trim().split('\n').at(-1) ?? '';
      show(text);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({
        code: signal === null ? (code ?? UNAVAILABLE) : 137,
        lastError,
        seconds: (performance.now() - startedMs) / 1_000,
      });
    });
  });
}
