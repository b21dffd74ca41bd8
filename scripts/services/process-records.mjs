// @ts-check
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A process that one of our scripts started, written to `<runDir>/<name>.json` so that the guard or
 * the next start can stop it when the script that started it was killed.
 *
 * @typedef {object} ProcessRecord
 * @property {string} name
 * @property {number} pid
 * @property {string} startedAt Identity of the process: a reused pid has another start time.
 * @property {number} order Processes stop in descending order: applications, Redis, replicas, primary.
 * @property {NodeJS.Signals} stopSignal
 * @property {number} graceMs How long the process may take to stop before it is killed.
 * @property {{ pid: number, startedAt: string }} owner The script that started it.
 */

/**
 * The start time of a live process as the operating system tells it, or null when there is no such
 * process. A zombie counts as gone: it only waits for its parent.
 *
 * @param {number} pid
 * @returns {string | null}
 */
export function processStartTime(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The command name stands in parentheses and may contain anything, so count from its end.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
    } catch {
      return null;
    }
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim() ||
      null
    );
  } catch {
    return null;
  }
}

/** @param {{ pid: number, startedAt: string }} identity */
export function isSameProcessAlive(identity) {
  return processStartTime(identity.pid) === identity.startedAt;
}

/** The identity of the process that runs this code. */
export function currentProcessIdentity() {
  return { pid: process.pid, startedAt: processStartTime(process.pid) ?? '' };
}

/**
 * @param {string} runDir
 * @param {Omit<ProcessRecord, 'owner' | 'startedAt'>} record
 */
export function writeProcessRecord(runDir, record) {
  mkdirSync(runDir, { recursive: true });
  const startedAt = processStartTime(record.pid);
  if (startedAt === null) return;
  /** @type {ProcessRecord} */
  const complete = { ...record, startedAt, owner: currentProcessIdentity() };
  const path = join(runDir, `${record.name}.json`);
  // A rename is atomic, so that a reader never meets half a record.
  writeFileSync(`${path}.${process.pid}.tmp`, JSON.stringify(complete));
  renameSync(`${path}.${process.pid}.tmp`, path);
}

/**
 * @param {string} runDir
 * @param {string} name
 */
export function removeProcessRecord(runDir, name) {
  rmSync(join(runDir, `${name}.json`), { force: true });
}

/**
 * @param {string} runDir
 * @returns {ProcessRecord[]} in the order in which they should stop
 */
export function readProcessRecords(runDir) {
  /** @type {ProcessRecord[]} */
  const records = [];
  for (const file of listRecordFiles(runDir)) {
    try {
      records.push(JSON.parse(readFileSync(join(runDir, file), 'utf8')));
    } catch {
      // The record disappeared between listing and reading: its process was stopped in order.
    }
  }
  return records.sort((left, right) => right.order - left.order);
}

/**
 * Stops recorded processes one after the other in stopping order: those whose owner is gone, or all.
 *
 * @param {string} runDir
 * @param {{ log?: (line: string) => void, all?: boolean }} [options]
 * @returns {Promise<number>} how many processes were still running
 */
export async function stopLeftovers(runDir, { log = () => {}, all = false } = {}) {
  let stopped = 0;
  for (const record of readProcessRecords(runDir)) {
    if (!all && isSameProcessAlive(record.owner)) continue;
    if (isSameProcessAlive(record)) {
      log(`stopping ${record.name} (pid ${record.pid}), left behind by a start that was killed`);
      await stopProcess(record);
      stopped += 1;
    }
    removeProcessRecord(runDir, record.name);
  }
  return stopped;
}

/**
 * Asks a process to stop and kills it when it has not done so within its grace. Works for processes
 * that are not our children, which is why it polls.
 *
 * @param {Pick<ProcessRecord, 'pid' | 'startedAt' | 'stopSignal' | 'graceMs'>} target
 * @returns {Promise<boolean>} false when it had to be killed
 */
export async function stopProcess(target) {
  signalProcess(target.pid, target.stopSignal);
  if (await waitUntilGone(target, target.graceMs)) return true;
  signalProcess(target.pid, 'SIGKILL');
  await waitUntilGone(target, 5_000);
  return false;
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already, which is what the caller wants.
  }
}

/**
 * @param {{ pid: number, startedAt: string }} target
 * @param {number} timeoutMs
 */
async function waitUntilGone(target, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (isSameProcessAlive(target)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** @param {string} runDir */
function listRecordFiles(runDir) {
  try {
    return readdirSync(runDir).filter((file) => file.endsWith('.json'));
  } catch {
    return [];
  }
}
