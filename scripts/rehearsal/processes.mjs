// @ts-check
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Programs of a rehearsal, ended in the reverse order of their start, and killed with this process whatever ends it.
 * Each is in a process group of its own, so that Ctrl-C reaches this process alone, which then ends them in order.
 */
export class Processes {
  /** @type {{ name: string, child: import('node:child_process').ChildProcess, ended: Promise<unknown>, log: string }[]} */
  #running = [];
  #isClosing = false;
  #killAll = () => {
    for (const { child } of this.#running) signal(child, 'SIGKILL');
  };

  /** @param {string} directory of their logs */
  constructor(directory) {
    this.directory = directory;
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
  async close(graceMs = 15_000) {
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
