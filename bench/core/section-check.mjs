// Whether a section of the core bench can be run at all, and cleans up: without measuring anything.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const OPEN_WITHIN_MS = 120_000;
const CLOSE_WITHIN_MS = 30_000;
/** What was told to end may take a moment to be gone. */
const GONE_WITHIN_MS = 3_000;

/**
 * @param {import('./core-bench.mjs').Section} section
 * @param {Set<string>} ids of the goals of other sections; those of this one are added
 * @param {object} [options]
 * @param {() => number[]} [options.listProcesses] the processes that this one has started, and theirs
 * @param {number} [options.goneWithinMs]
 * @returns {Promise<{ goals: string[], problems: string[] }>}
 */
export async function checkSection(
  section,
  ids,
  { listProcesses = descendants, goneWithinMs = GONE_WITHIN_MS } = {},
) {
  /** @type {string[]} */
  const problems = [];
  const before = new Set(listProcesses());
  /** @type {import('./core-bench.mjs').Goal[]} */
  let goals = [];
  try {
    goals = await within(OPEN_WITHIN_MS, section.open());
    if (goals.length === 0) problems.push('it has no goals');
    for (const goal of goals) problems.push(...faultsOf(goal, ids));
  } catch (error) {
    problems.push(`it does not open: ${String(error)}`);
  }
  try {
    await within(CLOSE_WITHIN_MS, section.close());
  } catch (error) {
    problems.push(`it does not close: ${String(error)}`);
  }
  const left = () => listProcesses().filter((pid) => !before.has(pid));
  for (const endMs = performance.now() + goneWithinMs; left().length > 0 && performance.now() < endMs;)
    await sleep(50);
  for (const pid of left()) problems.push(`it leaves process ${String(pid)} behind`);
  return { goals: goals.map(({ id }) => id), problems };
}

/**
 * @param {Partial<import('./core-bench.mjs').Goal>} goal
 * @param {Set<string>} ids
 */
function faultsOf({ id = '', what = '', ours, peer, target }, ids) {
  const faults = [];
  if (id === '' || ids.has(id)) faults.push(`the id "${id}" is empty or taken`);
  ids.add(id);
  if (what === '') faults.push(`${id} does not say what it measures`);
  if (typeof ours !== 'function') faults.push(`${id} measures nothing of ours`);
  if (peer !== undefined && (typeof peer.measure !== 'function' || peer.name === ''))
    faults.push(`${id} has a peer without a name or a measure`);
  if (target === undefined || !Number.isFinite(target.bound)) faults.push(`${id} has no target`);
  else if (target.is === 'ratio' && peer === undefined) faults.push(`${id} is a ratio without a peer`);
  return faults;
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
async function within(ms, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not within ${String(ms)} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** Children and theirs, as /proc tells; none where there is no /proc. */
function descendants() {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const name of listProc()) {
    const parent = parentOf(name);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [...(children.get(process.pid) ?? [])];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function listProc() {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? null : Number(parent);
  } catch {
    return null;
  }
}
