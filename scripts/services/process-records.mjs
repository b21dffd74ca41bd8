// @ts-check
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJsonFile } from './json-file.mjs';

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
 * @property {NodeJS.Signals} forceSignal Sent when the grace is over, or when there is none.
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
      const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
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
  writeFileSync(`${path}.${String(process.pid)}.tmp`, JSON.stringify(complete));
  renameSync(`${path}.${String(process.pid)}.tmp`, path);
}

/**
 * Removes the record unless the name belongs to a later process by now.
 *
 * @param {string} runDir
 * @param {string} name
 * @param {number} pid
 */
export function removeProcessRecord(runDir, name, pid) {
  const record = readProcessRecords(runDir).find((known) => known.name === name);
  if (record?.pid === pid) rmSync(join(runDir, `${name}.json`), { force: true });
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
      records.push(/** @type {ProcessRecord} */ (readJsonFile(join(runDir, file))));
    } catch {
      // The record disappeared between listing and reading: its process was stopped in order.
    }
  }
  return records.sort((left, right) => right.order - left.order);
}

/**
 * Stops recorded processes in stopping order, those of the same order at once: only processes whose
 * owner is gone, or all.
 *
 * @param {string} runDir
 * @param {{ log?: (record: ProcessRecord) => void, all?: boolean }} [options] `log` is told before each is stopped.
 * @returns {Promise<number>} how many processes were still running
 */
export async function stopRecorded(runDir, { log = () => {}, all = false } = {}) {
  const records = readProcessRecords(runDir).filter((record) => all || !isSameProcessAlive(record.owner));
  const running = records.filter((record) => isSameProcessAlive(record));
  for (const order of new Set(running.map((record) => record.order))) {
    const together = running.filter((record) => record.order === order);
    for (const record of together) log(record);
    await Promise.all(together.map((record) => stopProcess(record)));
  }
  for (const record of records) removeProcessRecord(runDir, record.name, record.pid);
  return running.length;
}

/**
 * Ends recorded processes without giving them time to finish anything.
 *
 * @param {string} runDir
 */
export function killRecorded(runDir) {
  for (const record of readProcessRecords(runDir)) {
    if (isSameProcessAlive(record)) signalProcess(record.pid, record.forceSignal);
  }
}

/**
 * Asks a process to stop, and forces it when it has not done so within its grace. Works for processes
 * that are not our children, which is why it polls.
 *
 * @param {Pick<ProcessRecord, 'pid' | 'startedAt' | 'stopSignal' | 'forceSignal' | 'graceMs'>} target
 * @returns {Promise<boolean>} false when it had to be forced
 */
export async function stopProcess(target) {
  if (!isSameProcessAlive(target)) return true;
  signalProcess(target.pid, target.stopSignal);
  // A process that was frozen does not see the signal before it goes on.
  signalProcess(target.pid, 'SIGCONT');
  if (await waitUntilGone(target, target.graceMs)) return true;
  signalProcess(target.pid, target.forceSignal);
  if (await waitUntilGone(target, 3_000)) return false;
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
