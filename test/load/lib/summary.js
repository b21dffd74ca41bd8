// @ts-check
// No import of k6: what the end-of-test object of k6 says, in the words of the pages that show it.
import { isWatch } from './thresholds.js';

/**
 * @typedef {object} K6Metric
 * @property {string} type
 * @property {string} contains `time` for milliseconds
 * @property {Record<string, number>} values
 * @property {Record<string, { ok: boolean }>} [thresholds]
 */

/**
 * @typedef {object} K6Group
 * @property {{ name: string, passes: number, fails: number }[]} checks
 * @property {K6Group[]} [groups]
 */

/**
 * @typedef {object} K6Summary what handleSummary() is given; `setup_data` may hold tokens and is not read
 * @property {Record<string, K6Metric>} metrics
 * @property {{ testRunDurationMs: number }} state
 * @property {K6Group} root_group
 */

/**
 * @typedef {object} Summary
 * @property {boolean} isMet whether every rule was kept
 * @property {number} durationMs
 * @property {number} requests
 * @property {number} requestsPerSecond over the whole run
 * @property {number} vusMax
 * @property {{ metric: string, rule: string, measured: string, isMet: boolean }[]} rules
 * @property {{ name: string, median: number, p95: number, max: number }[]} latencies by action, milliseconds
 * @property {{ name: string, passes: number, fails: number }[]} checks
 * @property {{ name: string, count: number }[]} counts what the scenario counts itself
 */

const ACTION = /^http_req_duration\{name:([a-z_]+)\}$/;
/** Counters of k6 itself. */
const BUILT_IN = new Set(['http_reqs', 'iterations', 'data_sent', 'data_received', 'dropped_iterations']);

/**
 * @param {K6Summary} data
 * @returns {Summary}
 */
export function readSummary({ metrics, state, root_group: rootGroup }) {
  const entries = Object.entries(metrics);
  const rules = entries.flatMap(([metric, { type, contains, values, thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([rule]) => !isWatch(rule))
      .map(([rule, { ok }]) => ({
        metric,
        rule,
        measured: measuredBy(rule, values, type, contains),
        isMet: ok,
      })),
  );
  rules.sort((one, other) => (one.metric < other.metric ? -1 : 1));
  return {
    isMet: rules.every(({ isMet }) => isMet),
    durationMs: state.testRunDurationMs,
    requests: metrics['http_reqs']?.values['count'] ?? 0,
    requestsPerSecond: metrics['http_reqs']?.values['rate'] ?? 0,
    vusMax: metrics['vus_max']?.values['max'] ?? 0,
    rules,
    latencies: entries.flatMap(([metric, { values }]) => {
      const name = ACTION.exec(metric)?.[1];
      const { med: median = 0, 'p(95)': p95 = 0, max = 0 } = values;
      return name === undefined || max === 0 ? [] : [{ name, median, p95, max }];
    }),
    checks: checksOf(rootGroup),
    counts: entries
      .filter(([metric, { type }]) => type === 'counter' && !BUILT_IN.has(metric) && !metric.includes('{'))
      .map(([name, { values }]) => ({ name, count: values['count'] ?? 0 })),
  };
}

/**
 * @param {number} milliseconds
 * @returns {string}
 */
export function inMilliseconds(milliseconds) {
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds).toString()} ms`;
}

/**
 * @param {K6Group} group
 * @returns {{ name: string, passes: number, fails: number }[]}
 */
function checksOf({ checks, groups = [] }) {
  return [...checks.map(({ name, passes, fails }) => ({ name, passes, fails })), ...groups.flatMap(checksOf)];
}

/**
 * @param {string} rule such as `p(95)<200`
 * @param {Record<string, number>} values
 * @param {string} type
 * @param {string} contains
 * @returns {string} '–' for a figure that k6 judges and does not print
 */
function measuredBy(rule, values, type, contains) {
  const value = values[rule.replace(/\s*[<>=!].*$/, '')];
  if (value === undefined) return '–';
  if (contains === 'time') return inMilliseconds(value);
  return type === 'rate' ? `${Number((value * 100).toFixed(3))} %` : String(Number(value.toFixed(3)));
}
