// A Node server as a child on the server's core, ready when its port answers.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { onServerCore } from './processor-cores.mjs';

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const CLOCK_TICK_MS = 10;

/**
 * @typedef {object} PinnedServer
 * @property {number} port
 * @property {() => number | null} processorMs processor time used so far by all its threads; null
 *   where /proc does not tell
 * @property {() => Promise<void>} stop
 */

/**
 * @param {object} server
 * @param {string} server.script
 * @param {string[]} [server.nodeOptions]
 * @param {number} server.port
 * @param {string} server.readyPath answers 200 when the server can work
 * @param {NodeJS.ProcessEnv} server.env
 * @param {string} server.logFile its output; a file, as in production, where a pipe is drained by others
 * @param {import('./processor-cores.mjs').CorePlan} server.cores
 * @returns {Promise<PinnedServer>}
 */
export async function startPinnedServer({ script, nodeOptions = [], port, readyPath, env, logFile, cores }) {
  const [command = '', ...args] = onServerCore(cores, [process.execPath, ...nodeOptions, script]);
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { env, stdio: ['ignore', log, log] });
  closeSync(log);
  // Whoever ends without stopping it, as by Ctrl-C in its start, must not leave it behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = new Promise((resolve) =>
    child.once('exit', (code) => {
      process.off('exit', kill);
      resolve(code);
    }),
  );

  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await isReady(port, readyPath))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${script} did not start:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`);
    }
    await sleep(50);
  }
  const { pid } = child;
  return {
    port,
    processorMs: () => (pid === undefined ? null : readProcessorMs(pid)),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * @param {number} pid
 * @returns {number | null}
 */
function readProcessorMs(pid) {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    // utime and stime are the 14th and 15th field; the command name before them may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
  } catch {
    return null;
  }
}

/**
 * @param {number} port
 * @param {string} path
 */
async function isReady(port, path) {
  try {
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`, {
      signal: AbortSignal.timeout(2_000),
    });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
