// @ts-check
// What all rehearsals share: where they keep what they make, the programs they run, their timeline and their end.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Outside the repository, so that a fresh clone finds what an earlier one made. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'caudal-rehearsal');

/** Exit code when something that it needs cannot be had here, as the restore drill's (EX_UNAVAILABLE). */
export const UNAVAILABLE = 69;

/** How long a command may take unless it says otherwise, and what is kept of its output. */
const COMMAND_DEADLINE_MS = 600_000;
/** Of each output, in an error. */
const SAID_LENGTH_MAX = 2_000;
const OUTPUT_LENGTH_MAX = 4 << 20;
/** How long all clean-ups may take together, and the work to notice that it has been ended. */
const CLEAN_UP_DEADLINE_MS = 90_000;
const UNWIND_DEADLINE_MS = 10_000;

/** Something that the rehearsal needs cannot be had on this machine: said in one line, and no failure. */
export class Unavailable extends Error {}

/** Ctrl-C or the deadline: whose stack says nothing. */
class Ended extends Error {}

/**
 * @param {...string} names
 * @returns {string} the folder of that name in the cache; it exists
 */
export function cacheFolder(...names) {
  const folder = join(CACHE, ...names);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Ended by Ctrl-C, by the deadline, or because the work is done. One process runs one rehearsal. */
const ending = new AbortController();
let isCleaningUp = false;
/** @type {Set<number>} groups of the commands that run now */
const groups = new Set();

/** @param {number} group */
function killGroup(group) {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
process.once('exit', () => {
  for (const group of groups) killGroup(group);
});

/**
 * Runs a program to its end, in a process group of its own: Ctrl-C ends the rehearsal, which ends its programs.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, timeoutMs?: number }} [options]
 * @returns {Promise<string>} what it printed to its standard output, trimmed
 */
export function run(command, args, { cwd, env, input, timeoutMs = COMMAND_DEADLINE_MS } = {}) {
  const what = `${command} ${args.slice(0, 6).join(' ')}`;
  if (ending.signal.aborted && !isCleaningUp)
    return Promise.reject(new Error(`${what}: the rehearsal is over`));
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env },
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const group = child.pid;
    if (group !== undefined) groups.add(group);
    const output = { stdout: '', stderr: '' };
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      child[name]?.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
        output[name] = (output[name] + chunk).slice(-OUTPUT_LENGTH_MAX);
      });
    }
    child.stdin?.on('error', () => {}).end(input);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      if (group !== undefined) killGroup(group);
    }, timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      if (group !== undefined) groups.delete(group);
    };
    child.once('error', (cause) => {
      settle();
      reject(new Error(`${what}: ${cause.message}`, { cause }));
    });
    child.once('close', (code, signal) => {
      settle();
      if (code === 0) resolve(output.stdout.trim());
      else {
        const why = isLate
          ? `not done within ${String(timeoutMs / 1_000)} s`
          : (signal ?? `exit ${String(code)}`);
        // Some say there what went wrong, and only that it did over here.
        const said = `${output.stdout.trim().slice(-SAID_LENGTH_MAX)}\n${output.stderr.trim().slice(-SAID_LENGTH_MAX)}`;
        reject(new Error(`${what}: ${why}\n${said.trim()}`.trim()));
      }
    });
  });
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 * @returns {Promise<boolean>} whether it ended with 0
 */
export const succeeds = (command, args, options) =>
  run(command, args, options).then(
    () => true,
    () => false,
  );

/**
 * Waits, unless the rehearsal ends before.
 *
 * @param {number} ms
 */
export const pause = (ms) => sleep(ms, undefined, isCleaningUp ? {} : { signal: ending.signal });

/**
 * Asks again and again until the answer is neither false nor null nor an exception.
 *
 * @template T
 * @param {string} what for the error message
 * @param {number} timeoutMs
 * @param {() => Promise<T | false | null | undefined> | T | false | null | undefined} probe
 * @param {number} [pauseMs]
 * @returns {Promise<T>}
 */
export async function until(what, timeoutMs, probe, pauseMs = 100) {
  const deadline = performance.now() + timeoutMs;
  /** @type {unknown} */
  let last;
  do {
    try {
      const answer = await probe();
      if (answer !== false && answer !== null && answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await pause(pauseMs);
  } while (performance.now() < deadline);
  throw new Error(`${what}: not within ${String(timeoutMs / 1_000)} s`, { cause: last });
}

/**
 * @typedef {object} Rehearsal
 * @property {(line: string) => void} say one line of the timeline
 * @property {(isMet: boolean, line: string) => boolean} goal one line, and a missed goal makes the exit code 1
 * @property {(line: string) => void} leftOut what could not be run here, and why
 * @property {(cleanUp: () => unknown) => void} later runs at the end, however it comes, the last one first
 * @property {AbortSignal} signal aborted at the end
 */

const startedMs = performance.now();

/** @type {Rehearsal['say']} */
export const say = (line) => {
  console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s  ${line}`);
};

/**
 * Runs a rehearsal and ends the process: 0 when every goal was met, 1 when one was missed or something broke, 69
 * when it threw Unavailable. Ctrl-C, SIGTERM and the deadline end the work; the clean-ups run in each case.
 *
 * @param {string} name
 * @param {{ deadlineMs: number }} options
 * @param {(rehearsal: Rehearsal) => Promise<unknown>} work
 * @returns {Promise<never>}
 */
export async function rehearse(name, { deadlineMs }, work) {
  let met = 0;
  let missed = 0;
  /** @type {string[]} */
  const without = [];
  /** @type {(() => unknown)[]} */
  const cleanUps = [];
  /** @type {Rehearsal} */
  const rehearsal = {
    say,
    goal: (isMet, line) => {
      if (isMet) met += 1;
      else missed += 1;
      say(`${isMet ? '✓' : '✗'} ${line}`);
      return isMet;
    },
    leftOut: (line) => {
      without.push(line);
      say(`left out: ${line}`);
    },
    later: (cleanUp) => void cleanUps.push(cleanUp),
    signal: ending.signal,
  };

  /** @type {(reason: string) => void} */
  let end = () => {};
  const ended = new Promise((_resolve, reject) => {
    end = (reason) => {
      reject(new Ended(reason));
      ending.abort(new Ended(reason));
      for (const group of groups) killGroup(group);
    };
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => {
      end(`ended by ${signal}`);
    });
  const timer = setTimeout(() => {
    end(`not done within ${String(deadlineMs / 1_000)} s`);
  }, deadlineMs);

  /** @type {number} */
  let code;
  const working = work(rehearsal);
  try {
    await Promise.race([working, ended]);
    code = missed === 0 ? 0 : 1;
  } catch (error) {
    code = error instanceof Unavailable ? UNAVAILABLE : 1;
    if (error instanceof Unavailable) say(`left out: ${name} (${error.message})`);
    else if (error instanceof Ended) say(`✗ ${error.message}`);
    else say(`✗ ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    clearTimeout(timer);
    ending.abort();
    // Work that was ended is given the time to leave its own finally blocks.
    await Promise.race([working.catch(() => {}), sleep(UNWIND_DEADLINE_MS)]);
    isCleaningUp = true;
    await Promise.race([cleanUpAll(cleanUps), sleep(CLEAN_UP_DEADLINE_MS)]);
  }
  if (code === 0 || missed > 0) say(verdict(name, met, missed, without.length));
  process.exit(code);
}

/** @param {(() => unknown)[]} cleanUps */
async function cleanUpAll(cleanUps) {
  for (const cleanUp of cleanUps.reverse()) {
    try {
      await cleanUp();
    } catch (error) {
      say(`✗ clean-up: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** @param {string} name @param {number} met @param {number} missed @param {number} without */
function verdict(name, met, missed, without) {
  const result =
    missed === 0
      ? `every goal met (${String(met)})`
      : `${String(missed)} of ${String(met + missed)} goals missed`;
  return `${name}: ${result}${without === 0 ? '' : `, ${String(without)} left out`}`;
}
