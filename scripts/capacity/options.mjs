// @ts-check
import { parseArgs } from 'node:util';
import { StartError } from '../services/start-error.mjs';

export const USAGE = `npm run capacity -- [options]

  --rps N            requests per second (100000)
  --users N          people who are signed in (1000000)
  --reads N --sold-out N --orders N
                     the mix in percent: answers from memory, orders refused because nothing is left, orders
                     (80, 18, 2); together 100
  --headroom N       percent of each core that stays free (what the autoscaler's CPU target leaves)
  --cores N          cores of a pod (its CPU request)
  --step             simulate the autoscaler when all of that comes at once
  --before N         requests per second until then (0)
  --warm N           pods that are ready then (the autoscaler's minimum)
  --schedule-seconds N   from the creation of a pod to the start of its process, its image being there (5)
  --sync-seconds N   between two looks of the autoscaler (15, Kubernetes' default)
  --refresh          read deployment/capacity/measured.json from the documents again
`;

/**
 * @typedef {object} CapacityOptions
 * @property {boolean} help
 * @property {boolean} refresh
 * @property {number} rps
 * @property {number} users
 * @property {{ reads: number, soldOut: number, orders: number }} mix shares
 * @property {number | null} headroom share; null: as shipped
 * @property {number | null} cores null: as shipped
 * @property {{ beforeRps: number, warmPods: number | null, scheduleSeconds: number, syncSeconds: number } | null} step
 */

/**
 * @param {string[]} args
 * @returns {CapacityOptions}
 * @throws {StartError} naming the first value that cannot be used
 */
export function readOptions(args) {
  const values = parse(args);
  const number = (
    /** @type {keyof typeof values} */ name,
    /** @type {number} */ fallback,
    { min = 0, max = Infinity, isWhole = false } = {},
  ) => {
    const text = values[name];
    if (text === undefined) return fallback;
    const value = /^\d+(\.\d+)?$/.test(String(text)) ? Number(text) : NaN;
    const kind = isWhole ? 'a whole number' : 'a number';
    if (!(value >= min && value <= max) || (isWhole && !Number.isInteger(value)))
      throw new StartError(
        `--${name}=${String(text)} is not ${kind} ${max === Infinity ? `of at least ${String(min)}` : `from ${String(min)} to ${String(max)}`}`,
      );
    return value;
  };
  const percent = { max: 100 };
  const [reads, soldOut, orders] = [
    number('reads', 80, percent),
    number('sold-out', 18, percent),
    number('orders', 2, percent),
  ];
  const sum = reads + soldOut + orders;
  if (Math.abs(sum - 100) > 1e-9)
    throw new StartError(`--reads, --sold-out and --orders are ${String(sum)} % together, not 100`);
  const step = {
    beforeRps: number('before', 0, { max: 1e9 }),
    warmPods: values.warm === undefined ? null : number('warm', 0, { min: 1, max: 10_000, isWhole: true }),
    scheduleSeconds: number('schedule-seconds', 5, { max: 3600 }),
    syncSeconds: number('sync-seconds', 15, { min: 1, max: 600, isWhole: true }),
  };
  return {
    help: values.help === true,
    refresh: values.refresh === true,
    rps: number('rps', 100_000, { min: 1, max: 1e9 }),
    users: number('users', 1_000_000, { min: 1, max: 1e10, isWhole: true }),
    mix: { reads: reads / 100, soldOut: soldOut / 100, orders: orders / 100 },
    headroom: values.headroom === undefined ? null : number('headroom', 0, { max: 95 }) / 100,
    cores: values.cores === undefined ? null : number('cores', 1, { min: 0.05, max: 64 }),
    step: values.step === true ? step : null,
  };
}

function parse(/** @type {string[]} */ args) {
  const text = /** @type {const} */ ({ type: 'string' });
  const flag = /** @type {const} */ ({ type: 'boolean' });
  try {
    return parseArgs({
      args,
      options: {
        rps: text,
        users: text,
        reads: text,
        'sold-out': text,
        orders: text,
        headroom: text,
        cores: text,
        before: text,
        warm: text,
        'schedule-seconds': text,
        'sync-seconds': text,
        step: flag,
        refresh: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    // Node adds advice behind the first sentence.
    throw new StartError(String(error instanceof Error ? error.message : error).split(/\.\s|\n/)[0] ?? '');
  }
}
