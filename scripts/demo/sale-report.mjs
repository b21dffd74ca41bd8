// The words and numbers of the demo: pure functions from a tally to text.

/** @param {number} value */
export function formatCount(value) {
  return value.toLocaleString('en-US');
}

/** @param {number | null} latencyMs */
export function formatLatency(latencyMs) {
  if (latencyMs === null) return '–';
  if (latencyMs >= 1000) return `${(latencyMs / 1000).toFixed(1)} s`;
  return latencyMs >= 10 ? `${String(Math.round(latencyMs))} ms` : `${latencyMs.toFixed(1)} ms`;
}

/**
 * @param {import('./sale-tally.mjs').SaleTally} tally
 * @param {number | null} left null while the shop has not said
 */
export function describeProgress(tally, left) {
  const { p50, p95, p99 } = tally.latency.summary();
  return [
    `arrived ${formatCount(tally.arrived)}`,
    `sold ${formatCount(tally.sold)}`,
    `turned away ${formatCount(tally.turnedAway)}`,
    `left ${left === null ? '–' : formatCount(left)}`,
    `p50 ${formatLatency(p50)}`,
    `p95 ${formatLatency(p95)}`,
    `p99 ${formatLatency(p99)}`,
    `oversold ${formatCount(tally.oversold)}`,
  ].join('  ');
}

/**
 * @param {import('./sale-tally.mjs').SaleTally} tally
 * @param {{ left: number, retries: number, durationMs: number }} end
 * @returns {string} a table with one row per number
 */
export function renderTable(tally, { left, retries, durationMs }) {
  const { p50, p95, p99 } = tally.latency.summary();
  const perSecond = Math.round(tally.answered / (durationMs / 1000));
  /** @type {[string, string, string][]} */
  const rows = [
    ['Units on sale', formatCount(tally.stock), ''],
    ['Buyers', formatCount(tally.arrived), `${formatCount(perSecond)} answers a second on average`],
    ['Sold', formatCount(tally.sold), '201, one unit each'],
    ['Paid', formatCount(tally.paid), '201 from the payment'],
    ['Turned away', formatCount(tally.turnedAway), '409 ORDER_OUT_OF_STOCK'],
    ['Left', formatCount(left), 'as the shop says'],
    ['Oversold', formatCount(tally.oversold), ''],
    ['Rate limited', formatCount(tally.limited), '429'],
    ['Failed', formatCount(tally.failed), 'anything else'],
    ['Sent again', formatCount(retries), 'same Idempotency-Key'],
    ['p50', formatLatency(p50), 'from arrival to answer'],
    ['p95', formatLatency(p95), ''],
    ['p99', formatLatency(p99), ''],
  ];
  const width = Math.max(...rows.map(([, value]) => value.length));
  return rows
    .map(([name, value, note]) => `  ${name.padEnd(14)}${value.padStart(width)}   ${note}`.trimEnd())
    .join('\n');
}
