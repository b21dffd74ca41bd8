// Asks what the panels of the dashboards ask, as Grafana would, and tells what had no answer.

/** Queries that cannot have data here, by what is missing. */
const WITHOUT = /** @type {const} */ ([
  ['kube-state-metrics', /kube_/],
  ['the kubelet or node_exporter', /kubelet_|node_filesystem/],
  ['the blackbox exporter', /probe_/],
  ['a replica', /database_replica_lag/],
]);
/** What Grafana would choose at a scrape interval of 2 s, and a little more. */
const RATE_INTERVAL = '15s';

/**
 * @typedef {import('./monitoring-sources.mjs').Dashboard['panels'][number] & {
 *   gridPos: { x: number, y: number, w: number, h: number },
 *   fieldConfig?: { defaults: { unit: string } },
 *   targets?: { expr: string, legendFormat: string }[] }} DrawnPanel
 * @typedef {{ legend: string, values: [seconds: number, value: number][] }} Line
 * @typedef {object} AnsweredPanel
 * @property {string} title
 * @property {string} type `row`, `timeseries`, `stat` or `table`
 * @property {string} unit
 * @property {{ x: number, y: number, w: number, h: number }} gridPos
 * @property {Line[]} lines
 * @property {string[]} missing what the machine has not, so that there is nothing to be seen
 */

/**
 * @param {import('./prometheus-under-test.mjs').PrometheusUnderTest} prometheus
 * @param {Record<string, import('./monitoring-sources.mjs').Dashboard>} dashboards by file name
 * @param {{ fromMs: number, toMs: number, stepSeconds: number }} range
 * @param {(line: string) => void} say
 * @returns {Promise<{ failures: number, panels: Record<string, AnsweredPanel[]> }>}
 */
export async function askPanels(prometheus, dashboards, range, say) {
  let [asked, failed, unexpected] = [0, 0, 0];
  /** @type {Record<string, AnsweredPanel[]>} */
  const answered = {};
  for (const [file, { panels }] of Object.entries(dashboards)) {
    answered[file] = [];
    for (const panel of /** @type {DrawnPanel[]} */ (panels)) {
      const { title, type, gridPos, fieldConfig, targets = [] } = panel;
      /** @type {Line[]} */
      const lines = [];
      /** @type {Set<string>} */
      const missing = new Set();
      for (const { expr, legendFormat } of targets) {
        asked += 1;
        const query = expr.replaceAll('$__rate_interval', RATE_INTERVAL);
        const answer = await (type === 'table' ? prometheus.instant(query) : prometheus.range(query, range));
        if (answer.error !== null) {
          failed += 1;
          say(`✗ ${answer.error}: ${file}, ${title}: ${expr}`);
          continue;
        }
        lines.push(...answer.series.map((series) => lineOf(series, legendFormat)));
        if (answer.series.length > 0) continue;
        const lack = WITHOUT.find(([, pattern]) => pattern.test(expr))?.[0];
        if (lack === undefined) unexpected += 1;
        else missing.add(lack);
        say(`- nothing${lack === undefined ? '' : ` without ${lack}`}: ${file}, ${title}: ${expr}`);
      }
      const unit = fieldConfig?.defaults.unit ?? '';
      answered[file].push({ title, type, unit, gridPos, lines, missing: [...missing] });
    }
  }
  say(
    `${String(asked)} queries: ${String(failed)} are wrong, ${String(unexpected)} returned nothing for no known reason`,
  );
  return { failures: failed + unexpected, panels: answered };
}

/**
 * @param {import('./prometheus-under-test.mjs').Series} series
 * @param {string} legendFormat
 * @returns {Line}
 */
function lineOf({ metric, values }, legendFormat) {
  const legend = legendFormat.replaceAll(
    /\{\{(\w+)\}\}/g,
    (_, /** @type {string} */ name) => metric[name] ?? '',
  );
  return {
    legend: legend.trim(),
    values: values.map(([seconds, value]) => [seconds, Number(value)]),
  };
}
