// @ts-check
// No import of k6: which of several ever larger crowds was the first that the shop could not serve.
import {
  errorShareMax,
  latencyLimitMs,
  latencyPercentile,
  requestsPerSecond,
  unavailableShareMax,
} from './thresholds.js';

/** @typedef {{ name: string, rate: number }} Step `rate` in visits each second */

/**
 * @param {number} first visits each second
 * @param {{ count: number, factor: number }} growth
 * @returns {Step[]}
 */
export function growingSteps(first, { count, factor }) {
  return Array.from({ length: count }, (_, index) => ({
    name: `step_${index + 1}`,
    rate: Math.max(1, Math.round(first * factor ** index)),
  }));
}

/**
 * @param {import('./summary.js').K6Summary} data
 * @param {Step[]} steps smallest first
 * @param {import('./thresholds.js').Objectives} slo
 * @returns {{ steps: { step: Step, faults: string[], figures: string[] }[], held: Step | null, broke: Step | null }}
 *   `held`: the last step before the first that broke an objective; both null when there is no such step
 */
export function findBreakingPoint({ metrics }, steps, slo) {
  const percentile = latencyPercentile(slo);
  const judged = steps.map((step) => {
    const value = (/** @type {string} */ metric, /** @type {string} */ name) =>
      metrics[`${metric}{scenario:${step.name}}`]?.values[name] ?? 0;
    const latencyMs = value('http_req_duration', percentile);
    const unavailable = value('slo_unavailable', 'rate');
    const errors = value('slo_errors', 'rate');
    const dropped = value('dropped_iterations', 'count');
    const faults = [
      ...(latencyMs >= latencyLimitMs(slo) ? ['latency'] : []),
      ...(unavailable >= unavailableShareMax(slo) ? ['availability'] : []),
      ...(errors >= errorShareMax(slo) ? ['errors'] : []),
      ...(dropped > 0 ? ['visitors dropped'] : []),
    ];
    const figures = [
      `${latencyMs.toFixed(1)} ms`,
      `${(unavailable * 100).toFixed(2)} %`,
      `${(errors * 100).toFixed(2)} %`,
      String(dropped),
    ];
    return { step, faults, figures };
  });
  const at = judged.findIndex(({ faults }) => faults.length > 0);
  return {
    steps: judged,
    held: (at === -1 ? judged.at(-1) : judged[at - 1])?.step ?? null,
    broke: judged[at]?.step ?? null,
  };
}

/**
 * @param {import('./summary.js').K6Summary} data
 * @param {Step[]} steps
 * @param {import('./thresholds.js').Objectives} slo
 * @returns {import('./summary-page.js').Table}
 */
export function describeBreakingPoint(data, steps, slo) {
  const { steps: judged, held, broke } = findBreakingPoint(data, steps, slo);
  const owed = `the objective is ${Math.round(requestsPerSecond(slo))} requests each second`;
  return {
    title: 'Breaking point',
    columns: ['Visits/s', latencyPercentile(slo), 'Unavailable', 'Errors', 'Dropped', 'Broken'],
    rows: judged.map(({ step, faults, figures }) => [
      String(step.rate),
      ...figures,
      faults.join(', ') || '–',
    ]),
    note: `${held === null ? 'not even the first step held' : `${held.rate} visits each second held`}, ${
      broke === null ? 'no step broke' : `${broke.rate} did not`
    }; ${owed}`,
  };
}
