// @ts-check
// k6 in rounds of a fixed length, so that every request of it has an end that is known.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../../setup/project.mjs';

const SCRIPT = join(PROJECT, 'test/load/rehearsal/steady-crowd.js');

/**
 * One request and what came of it. Status 0: no answer.
 *
 * @typedef {{ kind: 'read' | 'order' | 'cart', status: number, code: string, at: number, ms: number,
 *   key?: string, order?: string | null }} Visit
 */

export class Crowd {
  #round = 0;
  /** @type {Visit[]} of all rounds */
  visits = [];
  /** Requests that were not sent because all of the crowd was waiting. */
  notSent = 0;

  /**
   * @param {object} options
   * @param {string} options.state directory
   * @param {string} options.k6
   * @param {string} options.buyersFile
   * @param {string} options.variantId
   * @param {number} options.rate requests a second
   */
  constructor(options) {
    this.options = options;
  }

  /** @param {number} seconds @returns {Promise<Visit[]>} */
  async round(seconds) {
    const { state, k6, buyersFile, variantId, rate } = this.options;
    this.#round += 1;
    const log = join(state, `crowd-${String(this.#round)}.log`);
    const summary = join(state, `crowd-${String(this.#round)}.json`);
    writeFileSync(log, '');
    const flags = ['--quiet', '--no-color', '--log-format', 'raw', '--console-output', log];
    const child = spawn(k6, ['run', ...flags, '--no-usage-report', '--summary-export', summary, SCRIPT], {
      env: {
        ...process.env,
        ...{ BASE_URL: 'https://shop.example.com', BUYERS_FILE: buyersFile, VARIANT_ID: variantId },
        ...{ RATE: String(rate), SECONDS: String(seconds) },
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      errors = (errors + chunk).slice(-2000);
    });
    await once(child, 'close');
    if (child.exitCode !== 0) throw new Error(`k6 ended with ${String(child.exitCode)}: ${errors.trim()}`);
    const visits = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => /** @type {Visit} */ (parse(line)));
    this.visits.push(...visits);
    this.notSent += droppedIn(summary);
    return visits;
  }

  /**
   * Rounds one after the other for as long as the work takes, and at least one.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @param {number} [roundSeconds]
   * @returns {Promise<{ result: T, visits: Visit[] }>}
   */
  async during(work, roundSeconds = 60) {
    const progress = { isDone: false };
    /** @type {Visit[]} */
    const visits = [];
    const load = async () => {
      while (!progress.isDone) visits.push(...(await this.round(roundSeconds)));
    };
    const loading = load();
    const working = work().finally(() => {
      progress.isDone = true;
    });
    const [result] = await Promise.all([working, loading]);
    return { result, visits };
  }
}

/** @param {string} json @returns {unknown} */
const parse = (json) => JSON.parse(json);

/** @param {string} summary */
function droppedIn(summary) {
  const { metrics } = /** @type {{ metrics?: { dropped_iterations?: { count?: number } } }} */ (
    parse(readFileSync(summary, 'utf8'))
  );
  return metrics?.dropped_iterations?.count ?? 0;
}

/** What may be repeated, by the gateway: reads, and orders with a key. @param {Visit} visit */
export const isRepeatable = ({ kind }) => kind !== 'cart';

/** @param {Visit} visit */
export const hasFailed = ({ status }) => status === 0 || status >= 400;

/** How many of each kind, and what failed of them. @param {readonly Visit[]} visits */
export function summaryOf(visits) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const visit of visits) {
    const what = hasFailed(visit) ? `${visit.kind} ${String(visit.status)} ${visit.code}`.trim() : visit.kind;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${String(count)} ${what}`).join(', ');
}
