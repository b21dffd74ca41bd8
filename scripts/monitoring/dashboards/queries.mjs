// What the expressions of the dashboards have in common.

export const RATE = '$__rate_interval';
export const JOB = 'job=~"caudal.*"';

/** @param {string} metric @param {string} by */
export const rate = (metric, by) => `sum by (${by}) (rate(${metric}[${RATE}]))`;

/** @param {number} quantile @param {string} metric without `_bucket` @param {string} by @param {string} matchers */
export const quantile = (quantile, metric, by, matchers = '') =>
  `histogram_quantile(${String(quantile)}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${metric}_bucket{${matchers}}[${RATE}])))`;
