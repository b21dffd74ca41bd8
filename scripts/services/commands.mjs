// @ts-check
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The full path of a program, or null when it is not on PATH.
 *
 * @param {string} name
 * @returns {string | null}
 */
export function findOnPath(name) {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    if (directory === '') continue;
    const path = join(directory, name);
    if (isExecutable(path)) return path;
  }
  return null;
}

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program to its end and says whether it succeeded. It never throws, because every use has
 * another way to go on.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ timeoutMs?: number, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<boolean>}
 */
export async function succeeds(command, args, { timeoutMs = 180_000, env = {} } = {}) {
  try {
    await run(command, args, { timeout: timeoutMs, env: { ...process.env, ...env }, maxBuffer: 64 << 20 });
    return true;
  } catch {
    return false;
  }
}
