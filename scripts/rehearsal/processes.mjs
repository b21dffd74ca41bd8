// @ts-check
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGuard } from '../services/guard.mjs';
import { writeProcessRecord } from '../services/process-records.mjs';

const GRACE_MS = 15_000;

/**
 * Programs of a rehearsal, ended in the reverse order of their start, whatever ends this process: after a kill -9 the
 * guard ends them. Each is in a process group of its own, so that Ctrl-C reaches this process alone, which then ends
 * them in order.
 */
export class Processes {
  /** @type {{ name: string, child: import('node:child_process').ChildProcess, ended: Promise<unknown>, log: string }[]} */
  #running = [];
  #isClosing = false;
  #runDir;
  #guard;
  #killAll = () => {
    for (const { child } of this.#running) signal(child, 'SIGKILL');
  };

  /**
   * @param {string} directory of their logs
   * @param {string[]} [remove] what a kill -9 would leave
   */
  constructor(directory, remove) {
    this.directory = directory;
    this.#runDir = join(directory, 'run');
    this.#guard = startGuard({ runDir: this.#runDir, ...(remove && { remove }) });
    process.once('exit', this.#killAll);
  }

  /**
   * @param {string} name
   * @param {string} command
   * @param {readonly string[]} args
   * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
   */
  start(name, command, args, options = {}) {
    const log = join(this.directory, `${name}.log`);
    const output = openSync(log, 'a', 0o600);
    const child = spawn(command, args, {
      ...options,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    const ended = new Promise((resolve) => {
      child.once('close', resolve);
      child.once('error', resolve);
    });
    this.#running.push({ name, child, ended, log });
    if (child.pid !== undefined)
      writeProcessRecord(this.#runDir, {
        ...{ name, pid: child.pid, order: this.#running.length, graceMs: GRACE_MS },
        ...{ stopSignal: 'SIGTERM', forceSignal: 'SIGKILL' },
      });
    return { child, ended, log };
  }

  /** One line about the first that has ended although nobody ended it. */
  failure() {
    const dead = this.#running.find(
      ({ child }) => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    );
    if (dead === undefined || this.#isClosing) return undefined;
    return `${dead.name} has ended: ${lastLines(dead.log)}`;
  }

  /** @param {number} [graceMs] after which what is left is killed */
  async close(graceMs = GRACE_MS) {
    this.#isClosing = true;
    for (const { child, ended } of this.#running.reverse()) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      signal(child, 'SIGTERM');
      const killer = setTimeout(() => {
        signal(child, 'SIGKILL');
      }, graceMs);
      await ended;
      clearTimeout(killer);
    }
    this.#running = [];
    process.off('exit', this.#killAll);
    await this.#guard.release();
  }
}

/** @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} name */
function signal({ pid }, name) {
  try {
    // The whole group: a program may have started others.
    if (pid !== undefined) process.kill(-pid, name);
  } catch {
    // It has ended already.
  }
}

/** @param {string} log */
const lastLines = (log) => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-3).join(' | ').slice(-600);
