// @ts-check
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeWithClusters } from './postgres-host.mjs';
import { stopRecorded } from './process-records.mjs';

/**
 * Starts a small process that outlives this one. When this one ends, however it ends, its end of the
 * pipe closes, and the guard stops every process recorded in `runDir` and removes `remove`.
 *
 * @param {{ runDir: string, remove?: string[] }} options
 * @returns {{ pid: number, release: () => Promise<void> }} `release` makes it do its work now and waits for that.
 */
export function startGuard({ runDir, remove = [] }) {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [self, runDir, ...remove], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = new Promise((resolveExit) => child.once('exit', resolveExit));
  // Neither the process nor the pipe may keep this process alive.
  child.unref();
  /** @type {import('node:net').Socket} */ (/** @type {unknown} */ (child.stdin)).unref();
  child.stdin.on('error', () => {});
  return {
    pid: child.pid ?? 0,
    release: async () => {
      child.ref();
      child.stdin.end();
      await exited;
    },
  };
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [runDir, ...remove] = process.argv.slice(2);
  // Whoever signals the whole session must not take the guard with it before its work is done.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => {});
  process.stdin.resume();
  process.stdin.once('end', () => void finish());

  async function finish() {
    if (runDir !== undefined) await stopRecorded(runDir, { all: true });
    for (const path of remove) removeWithClusters(path);
    process.exit(0);
  }
}
