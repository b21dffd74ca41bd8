// @ts-check
import { nameOf, ofKind } from '../manifests.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Deployment} Deployment
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../manifests.mjs').KubernetesObject} KubernetesObject
 */

/** Of the fields of a schedule, in their order. */
const RANGES = /** @type {const} */ ([
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
]);
/** Long enough to hold the rarest that is sensible here, once a month, twice. */
const WATCHED_DAYS = 70;
const FIRST_DAY = Date.UTC(2026, 0, 1) / 1000;
const DAY_SECONDS = 86_400;
const HISTORY_MAX = 10;

/**
 * What runs by the clock: at a time that somebody can tell, not with everything else, once at a time, not for ever, and
 * backups at least as often as the alert on their age expects.
 *
 * @param {Deployment} deployment
 * @returns {Finding[]}
 */
export function schedules({ objects, backupAgeMaxSeconds }) {
  const jobs = ofKind(objects, 'CronJob');
  const minutes = jobs.map(({ spec }) => spec?.schedule?.split(/\s+/)[0] ?? '');
  return jobs.flatMap((job, index) => {
    const { spec = {} } = job;
    const inner = spec.jobTemplate?.spec ?? {};
    const gap = longestGapSeconds(spec.schedule ?? '');
    const isBackup = /backup/.test(job.metadata?.name ?? '');
    return found('schedules', nameOf(job), [
      gap === null && `"${spec.schedule ?? ''}" is no schedule, or never comes`,
      minutes[index] === '0' && 'begins with the hour, as everybody does',
      minutes.indexOf(minutes[index] ?? '') !== index && 'begins in the same minute as another job',
      spec.timeZone === undefined && 'names no time zone, so the time is that of whoever runs the controller',
      spec.concurrencyPolicy !== 'Forbid' && spec.concurrencyPolicy !== 'Replace' && 'may run beside itself',
      !((spec.startingDeadlineSeconds ?? 0) > 0) && 'is started however late it is',
      spec.suspend === true && 'is suspended',
      !((inner.activeDeadlineSeconds ?? 0) > 0) && 'may run for ever',
      gap !== null && (inner.activeDeadlineSeconds ?? 0) >= gap && 'may still run when the next is due',
      inner.backoffLimit === undefined && 'is tried again as often as the controller likes',
      ...[spec.successfulJobsHistoryLimit, spec.failedJobsHistoryLimit].map(
        (limit) =>
          !((limit ?? 0) > 0 && (limit ?? 0) <= HISTORY_MAX) && 'keeps no history, or one without end',
      ),
      isBackup &&
        gap !== null &&
        gap >= backupAgeMaxSeconds &&
        `runs every ${String(gap / 3600)} h, but a backup of ${String(backupAgeMaxSeconds / 3600)} h raises the alert`,
      isBackup &&
        gap === DAY_SECONDS &&
        backupAgeMaxSeconds >= 2 * DAY_SECONDS &&
        'a day without it raises no alert',
    ]);
  });
}

/**
 * The longest time between two runs; null for what is no schedule or does not come twice.
 *
 * @param {string} schedule of five fields
 */
export function longestGapSeconds(schedule) {
  const fields = schedule.trim().split(/\s+/);
  const sets = fields.map((field, index) => valuesOf(field, RANGES[index]));
  if (fields.length !== RANGES.length || sets.some((set) => set === null)) return null;
  const [minutes, hours, days, months, weekdays] = sets.map((set) => set ?? new Set());
  // As cron has it: either of the two days, where both are said.
  const isEither = !fields[2]?.startsWith('*') && !fields[4]?.startsWith('*');
  /** @type {number[]} */
  const runs = [];
  for (let day = 0; day < WATCHED_DAYS; day += 1) {
    const midnight = FIRST_DAY + day * DAY_SECONDS;
    const date = new Date(midnight * 1000);
    const byDay = days?.has(date.getUTCDate()) === true;
    const byWeekday = weekdays?.has(date.getUTCDay()) === true;
    if (!months?.has(date.getUTCMonth() + 1) || !(isEither ? byDay || byWeekday : byDay && byWeekday))
      continue;
    for (const hour of hours ?? [])
      for (const minute of minutes ?? []) runs.push(midnight + hour * 3600 + minute * 60);
  }
  const gaps = runs.slice(1).map((at, index) => at - (runs[index] ?? at));
  return gaps.length === 0 ? null : gaps.reduce((longest, gap) => Math.max(longest, gap), 0);
}

/**
 * @param {string} field
 * @param {readonly [number, number] | undefined} range
 * @returns {Set<number> | null}
 */
function valuesOf(field, range) {
  if (range === undefined) return null;
  const [min, max] = range;
  /** @type {Set<number>} */
  const values = new Set();
  for (const part of field.split(',')) {
    const [, from, to, step = '1'] = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part) ?? [];
    const isAll = part.startsWith('*');
    if (!isAll && from === undefined) return null;
    const first = isAll ? min : Number(from);
    const last = isAll ? max : Number(to ?? (part.includes('/') ? max : from));
    if (first < min || last > max || first > last || Number(step) < 1) return null;
    for (let value = first; value <= last; value += Number(step)) values.add(value);
  }
  return new Set([...values].sort((a, b) => a - b));
}
