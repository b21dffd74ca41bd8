// @ts-check
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError } from '../services/start-error.mjs';

/** The root of the checkout. */
export const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The Node that the package `node` brings; the system's may be too old for the libraries. */
export const PROJECT_NODE = join(
  PROJECT,
  'node_modules',
  '.bin',
  process.platform === 'win32' ? 'node.cmd' : 'node',
);

/**
 * A hash over the names and contents of files and of everything below directories. What does not
 * exist counts as empty. A few hundred source files take about 10 ms.
 *
 * @param {string[]} paths relative to the project
 * @returns {string}
 */
export function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths) addToHash(hash, join(PROJECT, path));
  return hash.digest('hex');
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {string} path
 */
function addToHash(hash, path) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    const content = readFileSync(path);
    hash.update(`${path.slice(PROJECT.length)}\0${String(content.length)}\0`).update(content);
    return;
  }
  for (const name of readdirSync(path).sort()) {
    if (name !== 'generated') addToHash(hash, join(path, name));
  }
}

/**
 * Runs a tool of the project to its end. Its output is shown only when it fails.
 *
 * @param {string} what for the error message, for example "npm ci"
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<string>} what it printed
 */
export function runTool(what, command, args, env = {}) {
  return new Promise((resolveRun, reject) => {
    const child = spawn(command, args, {
      cwd: PROJECT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (/** @type {Buffer} */ chunk) => {
      // Enough for the end of any log; a tool that runs wild must not fill the memory.
      output = (output + chunk.toString()).slice(-200_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    // Ctrl-C reaches the tool by itself; a signal to this process alone does not.
    const forward = () => child.kill('SIGTERM');
    process.once('SIGTERM', forward);
    // Whoever ends without waiting for the tool must not leave it behind.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    const stopListening = () => {
      process.off('SIGTERM', forward);
      process.off('exit', kill);
    };
    child.once('error', (cause) => {
      stopListening();
      reject(new StartError(`${what} could not be started: ${cause.message}`, { cause }));
    });
    child.once('close', (code, signal) => {
      stopListening();
      if (code === 0) resolveRun(output);
      else
        reject(
          new StartError(`${what} failed (${code === null ? String(signal) : `exit code ${String(code)}`})`, {
            detail: essence(output),
          }),
        );
    });
  });
}

/**
 * The beginning, where most tools name the cause, and the end, where the others do.
 *
 * @param {string} output
 */
function essence(output) {
  const lines = output.trim().split('\n');
  return (lines.length <= 40 ? lines : [...lines.slice(0, 15), '…', ...lines.slice(-20)]).join('\n');
}
