// @ts-check
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  processStartTime,
  removeProcessRecord,
  signalProcess,
  stopProcess,
  writeProcessRecord,
} from './process-records.mjs';

/**
 * A server process that this script started.
 *
 * @typedef {object} ServiceProcess
 * @property {string} name
 * @property {number} pid
 * @property {() => Promise<{ code: number | null, signal: NodeJS.Signals | null }>} waitForExit
 * @property {() => boolean} hasExited
 * @property {(signal?: NodeJS.Signals) => void} kill Sends a signal and does not wait.
 * @property {() => Promise<boolean>} stop Waits until it is gone; false when it had to be killed.
 * @property {() => string} lastLogLines The end of what it has logged since it started, for an error message.
 */

/**
 * Starts a server in a process group of its own: Ctrl-C in the terminal then reaches only our script,
 * which stops the servers in their order. Its output goes to a file and not through a pipe, so that
 * the server survives (and can be stopped properly later) when the script is killed.
 *
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.command
 * @param {string[]} options.args
 * @param {string} options.logFile
 * @param {string} options.runDir
 * @param {number} options.order
 * @param {NodeJS.Signals} [options.stopSignal]
 * @param {NodeJS.Signals} [options.forceSignal]
 * @param {number} [options.graceMs]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {string} [options.cwd]
 * @param {{ uid?: number, gid?: number }} [options.identity]
 * @returns {Promise<ServiceProcess>}
 */
export async function startServiceProcess(options) {
  const {
    name,
    runDir,
    order,
    logFile,
    stopSignal = 'SIGTERM',
    forceSignal = 'SIGKILL',
    graceMs = 10_000,
  } = options;
  mkdirSync(dirname(logFile), { recursive: true });
  const output = openSync(logFile, 'a', 0o600);
  const logStart = fstatSync(output).size;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', output, output],
    detached: true,
    ...options.identity,
  });
  closeSync(output);
  let hasExited = false;
  /** @type {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} */
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      hasExited = true;
      removeProcessRecord(runDir, name, child.pid ?? 0);
      resolve({ code, signal });
    });
  });
  await new Promise((resolve, reject) => {
    child.once('spawn', () => {
      resolve(undefined);
    });
    child.once('error', reject);
  });
  // A server alone must not keep the script alive; waiting for its end does.
  child.unref();
  const pid = /** @type {number} */ (child.pid);
  const startedAt = processStartTime(pid) ?? '';
  writeProcessRecord(runDir, { name, pid, order, stopSignal, forceSignal, graceMs });

  return {
    name,
    pid,
    waitForExit: () => {
      if (!hasExited) child.ref();
      return exited;
    },
    hasExited: () => hasExited,
    kill: (signal = 'SIGKILL') => {
      signalProcess(pid, signal);
    },
    stop: async () => {
      if (hasExited) return true;
      const stoppedByItself = await stopProcess({ pid, startedAt, stopSignal, forceSignal, graceMs });
      removeProcessRecord(runDir, name, pid);
      return stoppedByItself;
    },
    lastLogLines: () => lastLines(logFile, logStart),
  };
}

/**
 * The last lines that were written to a log after the given position.
 *
 * @param {string} path
 * @param {number} start
 * @param {number} [count]
 */
function lastLines(path, start, count = 8) {
  try {
    const written = readFileSync(path).subarray(start);
    // A log may be large; its last lines are within its last few kilobytes.
    return written.subarray(-65_536).toString('utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}
