// Reads everything that deployment/monitoring consists of.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { parse } from 'yaml';
import { readJsonFile } from '../services/json-file.mjs';

/**
 * @typedef {{ record?: string, alert?: string, expr: string, for?: string, labels?: Record<string, string>, annotations?: Record<string, string> }} Rule
 * @typedef {{ expr: string, eval_time: string, exp_samples?: { labels: string, value: number }[] }} ExpressionTest
 * @typedef {{ rule_files: string[], tests: { input_series: { series: string }[], promql_expr_test: ExpressionTest[] }[] }} TestFile
 * @typedef {{ title: string, panels: { title: string, type: string, targets?: { expr: string }[] }[] }} Dashboard
 * @typedef {object} MonitoringSources
 * @property {Record<string, { groups: { name: string, rules: Rule[] }[] }>} ruleFiles by file name
 * @property {Record<string, TestFile>} testFiles by file name
 * @property {Record<string, string>} runbooks text by name without `.md`
 * @property {Record<string, Dashboard>} dashboards by file name
 * @property {string[]} metricNames of the application and of its process
 * @property {string[]} exporterNames
 */

/**
 * @param {string} project its folder
 * @returns {MonitoringSources}
 */
export function readMonitoringSources(project) {
  const read = (/** @type {string} */ path) => readFileSync(join(project, path), 'utf8');
  const files = (/** @type {string} */ folder, /** @type {string} */ ending) =>
    readdirSync(join(project, folder))
      .filter((name) => name.endsWith(ending))
      .map((name) => [basename(name), read(join(folder, name))]);
  /** @param {string} folder @param {string} ending @returns {Record<string, any>} */
  const yaml = (folder, ending) =>
    Object.fromEntries(
      files(folder, ending).map(([name = '', text = '']) => [name, /** @type {unknown} */ (parse(text))]),
    );
  const exporters = /** @type {Record<string, string | string[]>} */ (
    readJsonFile(join(project, 'deployment/monitoring/exporters.json'))
  );
  return {
    ruleFiles: yaml('deployment/monitoring/rules', '.rules.yaml'),
    testFiles: yaml('deployment/monitoring/rules/tests', '.test.yaml'),
    runbooks: Object.fromEntries(
      files('docs/runbooks', '.md').map(([name = '', text = '']) => [name.replace(/\.md$/, ''), text]),
    ),
    dashboards: Object.fromEntries(
      files('deployment/monitoring/dashboards', '.json').map(([name = '', text = '']) => [
        name,
        JSON.parse(text),
      ]),
    ),
    metricNames: [...listedMetrics(read('docs/operations.md')), ...processMetrics()],
    exporterNames: Object.values(exporters).flatMap((names) => (Array.isArray(names) ? names : [])),
  };
}

/** The rows of the table of metrics, which test/e2e/metrics holds against the running application. */
function listedMetrics(/** @type {string} */ page) {
  return page
    .split('\n')
    .filter((line) => /^\|[^|]*\| *(counter|gauge|histogram) *\|/.test(line))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
}

function processMetrics() {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const names = register.getMetricsAsArray().map(({ name }) => name);
  register.clear();
  return names;
}
