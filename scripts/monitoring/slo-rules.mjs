// The rules of Prometheus that follow from deployment/monitoring/slo.json.

/**
 * @typedef {{ target: number, bad: string, thresholdSeconds?: number }} Objective
 * @typedef {{ pace: string, severity: string, factor: number, long: string, short: string }} BurnRate
 * @typedef {object} Slo
 * @property {number} periodDays
 * @property {number} minimumRequestsPerSecond below it a single failure would be a burning budget
 * @property {Record<string, Objective>} objectives
 * @property {{ requestsPerMinute: number }} throughput
 * @property {BurnRate[]} burnRates
 * @typedef {{ record: string, expr: string }} RecordingRule
 * @typedef {{ alert: string, expr: string, for: string, labels: Record<string, string>, annotations: Record<string, string> }} AlertRule
 * @typedef {{ groups: { name: string, interval: string, rules: (RecordingRule | AlertRule)[] }[] }} RuleFile
 */

/** The application's own scrape jobs, and no probe: a balancer asks more often than people do. */
export const REQUESTS = 'job=~"caudal.*",route!~"/health.*"';

/** What makes a request bad, as a rate over five minutes. */
const BAD_RATES = {
  availability: () => badAnswers('status=~"5.."'),
  errors: () => badAnswers('status=~"5..",status!="503"'),
  latency: (/** @type {Objective} */ { thresholdSeconds }) =>
    `sum(rate(http_request_duration_seconds_count{${REQUESTS}}[5m])) - ` +
    `sum(rate(http_request_duration_seconds_bucket{${REQUESTS},le="${String(thresholdSeconds)}"}[5m]))`,
};

/** No series of a status that never occurred is no failure at all, but only where there are requests. */
function badAnswers(/** @type {string} */ statuses) {
  const of = (/** @type {string} */ more) => `sum(rate(http_requests_total{${REQUESTS}${more}}[5m]))`;
  return `${of(`,${statuses}`)} or 0 * ${of('')}`;
}

/** A fraction without the noise of binary arithmetic. */
const fraction = (/** @type {number} */ value) => String(Number(value.toPrecision(6)));
const capitalised = (/** @type {string} */ word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
const ratio = (/** @type {string} */ name, /** @type {string} */ window) =>
  `service:${name}_bad:ratio${window}`;

/**
 * @param {Slo} slo
 * @returns {RuleFile}
 */
export function renderSloRules(slo) {
  const objectives = Object.entries(slo.objectives);
  const windows = new Set(slo.burnRates.flatMap(({ long, short }) => [short, long]));
  const wide = [...windows, `${String(slo.periodDays)}d`].filter((window) => window !== '5m');
  return {
    groups: [
      {
        name: 'caudal-objectives',
        interval: '30s',
        rules: [
          { record: 'service:requests:rate5m', expr: `sum(rate(http_requests_total{${REQUESTS}}[5m]))` },
          { record: 'service:shed:rate5m', expr: 'sum(rate(load_shedding_requests_shed_total[5m]))' },
          ...[0.5, 0.95, 0.99].map((quantile) => ({
            record: `service:latency:p${String(quantile * 100)}_5m`,
            expr: `histogram_quantile(${String(quantile)}, sum by (le) (rate(http_request_duration_seconds_bucket{${REQUESTS}}[5m])))`,
          })),
          ...objectives.flatMap(([name, objective]) => badRatios(name, objective, wide)),
        ],
      },
      {
        name: 'caudal-objectives-alerts',
        interval: '30s',
        rules: [
          ...objectives.flatMap(([name, objective]) => burnAlerts(name, objective, slo)),
          throughputAlert(slo),
        ],
      },
    ],
  };
}

/**
 * Wide windows sum the narrow one up, weighted by traffic, instead of reading days of every series.
 * @param {string} name
 * @param {Objective} objective
 * @param {string[]} wide
 * @returns {RecordingRule[]}
 */
function badRatios(name, objective, wide) {
  const badRate = BAD_RATES[/** @type {keyof typeof BAD_RATES} */ (name)];
  return [
    { record: `service:${name}_bad:rate5m`, expr: badRate(objective) },
    { record: ratio(name, '5m'), expr: `service:${name}_bad:rate5m / (service:requests:rate5m > 0)` },
    ...wide.map((window) => ({
      record: ratio(name, window),
      expr: `sum_over_time(service:${name}_bad:rate5m[${window}]) / (sum_over_time(service:requests:rate5m[${window}]) > 0)`,
    })),
  ];
}

/**
 * Multi-window, multi-burn-rate: the long window says that it matters, the short one that it still goes on.
 * @see https://sre.google/workbook/alerting-on-slos/
 * @param {string} name
 * @param {Objective} objective
 * @param {Slo} slo
 * @returns {AlertRule[]}
 */
function burnAlerts(name, { target, bad }, { burnRates, minimumRequestsPerSecond, periodDays }) {
  const budget = 1 - target;
  const subject = capitalised(name);
  const runbook_url = `docs/runbooks/${name}-budget.md`;
  const alerts = ['Fast', 'Slow'].map((pace) => {
    const rates = burnRates.filter((rate) => rate.pace === pace);
    const burning = rates.map(({ factor, long, short }) => {
      const limit = fraction(factor * budget);
      return `(${ratio(name, long)} > ${limit} and ${ratio(name, short)} > ${limit})`;
    });
    return {
      alert: `${subject}BudgetBurns${pace}`,
      expr: `(${burning.join(' or ')}) and service:requests:rate5m > ${String(minimumRequestsPerSecond)}`,
      for: pace === 'Fast' ? '1m' : '15m',
      labels: { severity: rates[0]?.severity ?? 'warning', objective: name },
      annotations: {
        summary: `The ${name} budget burns ${pace === 'Fast' ? 'within days' : 'faster than it may'}`,
        description: `{{ $value | humanizePercentage }} of the requests are bad (${bad}); ${fraction(budget * 100)} % may be over ${String(periodDays)} days.`,
        runbook_url,
      },
    };
  });
  return [
    ...alerts,
    {
      alert: `${subject}BudgetSpent`,
      expr: `${ratio(name, `${String(periodDays)}d`)} > ${fraction(budget)}`,
      for: '1h',
      labels: { severity: 'info', objective: name },
      annotations: {
        summary: `The ${name} objective is missed over ${String(periodDays)} days`,
        description: `{{ $value | humanizePercentage }} of the requests of the last ${String(periodDays)} days were bad (${bad}).`,
        runbook_url,
      },
    },
  ];
}

/**
 * @param {Slo} slo
 * @returns {AlertRule}
 */
function throughputAlert({ throughput: { requestsPerMinute } }) {
  return {
    alert: 'ThroughputBelowObjective',
    expr: `service:shed:rate5m > 0.1 and (service:requests:rate5m - service:availability_bad:rate5m) * 60 < ${String(requestsPerMinute)}`,
    for: '5m',
    labels: { severity: 'warning', objective: 'throughput' },
    annotations: {
      summary: 'Requests are shed below the throughput that was promised',
      description: `{{ $value | humanize }} requests a second are shed while fewer than ${String(requestsPerMinute)} a minute are answered.`,
      runbook_url: 'docs/runbooks/load-shedding.md',
    },
  };
}
