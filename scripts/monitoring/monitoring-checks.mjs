// What must hold of rules, their tests, runbooks and dashboards, and needs no tool to be seen.
import { familiesOf, metricNamesOf } from './promql-names.mjs';

/**
 * @typedef {import('./monitoring-sources.mjs').MonitoringSources} MonitoringSources
 * @typedef {import('./monitoring-sources.mjs').Rule} Rule
 */

const SEVERITIES = ['critical', 'warning', 'info'];
const SECTIONS = ['What it means', 'What to look at', 'What to do', 'How to tell it is over'];
const RUNBOOK = /^docs\/runbooks\/([a-z0-9-]+)\.md$/;

/**
 * @param {MonitoringSources} sources
 * @returns {string[]} one line for each finding
 */
export function checkMonitoring(sources) {
  const rules = Object.values(sources.ruleFiles).flatMap(({ groups }) =>
    groups.flatMap((group) => group.rules),
  );
  const alerts = rules.filter(({ alert }) => alert !== undefined);
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const known = new Set([...sources.metricNames, ...sources.exporterNames, ...recorded]);
  return [
    ...repeated(alerts.map(({ alert = '' }) => alert)).map((name) => `${name} is defined twice`),
    ...alerts.flatMap((rule) => checkFields(rule, sources)),
    ...alerts.flatMap((rule) => checkTests(rule, sources)),
    ...checkRunbooks(alerts, sources, known),
    ...rules.flatMap((rule) => unknownNames(rule.alert ?? rule.record ?? '', rule.expr, known)),
    ...checkDashboards(sources, known),
  ];
}

const repeated = (/** @type {string[]} */ names) =>
  names.filter((name, index) => names.indexOf(name) !== index);

/**
 * @param {string} where
 * @param {string} expression
 * @param {Set<string>} known
 */
function unknownNames(where, expression, known) {
  return metricNamesOf(expression)
    .filter((name) => !familiesOf(name).some((family) => known.has(family)))
    .map((name) => `${where}: nobody exports ${name}`);
}

/**
 * @param {Rule} rule
 * @param {MonitoringSources} sources
 */
function checkFields({ alert = '', labels = {}, annotations = {}, for: pending }, { runbooks }) {
  const findings = [];
  if (!SEVERITIES.includes(labels['severity'] ?? '')) findings.push('has no severity of the three');
  if (pending === undefined) findings.push('does not say for how long');
  for (const field of ['summary', 'description'])
    if ((annotations[field] ?? '').length < 15) findings.push(`has no ${field}`);
  const runbook = RUNBOOK.exec(annotations['runbook_url'] ?? '')?.[1];
  if (runbook === undefined) findings.push('has no runbook_url');
  else if (!(runbook in runbooks)) findings.push(`has a runbook that does not exist: ${runbook}`);
  return findings.map((finding) => `${alert} ${finding}`);
}

/**
 * An alert has a case in which it fires, with the labels that its text names, and one in which it does not.
 * @param {Rule} rule
 * @param {MonitoringSources} sources
 */
function checkTests({ alert = '', labels = {}, annotations = {} }, { testFiles }) {
  const cases = Object.values(testFiles)
    .flatMap(({ tests }) => tests.flatMap((test) => test.promql_expr_test))
    .filter(({ expr }) => expr === `ALERTS{alertname="${alert}",alertstate="firing"}`);
  const fired = cases.flatMap(({ exp_samples: samples = [] }) => samples.map((sample) => sample.labels));
  if (fired.length === 0) return [`${alert} has no test in which it fires`];
  const findings = [];
  if (!cases.some(({ exp_samples: samples = [] }) => samples.length === 0))
    findings.push(`${alert} has no test in which it stays silent`);
  for (const text of fired) {
    const present = [...text.matchAll(/(\w+)="/g)].map(([, name = '']) => name);
    for (const [name, value] of Object.entries(labels))
      if (!text.includes(`${name}="${value}"`))
        findings.push(`${alert} fires in its test without ${name}=${value}`);
    for (const [template] of Object.values(annotations)
      .join(' ')
      .matchAll(/\{\{.*?\}\}/g)) {
      const named = [...template.matchAll(/\$labels\.(\w+)/g)].map(([, name = '']) => name);
      if (named.length > 0 && !named.some((name) => present.includes(name)))
        findings.push(`${alert} tells of ${named.join(', ')}, which it has not`);
    }
  }
  return findings;
}

/**
 * @param {Rule[]} alerts
 * @param {MonitoringSources} sources
 * @param {Set<string>} known
 */
function checkRunbooks(alerts, { runbooks }, known) {
  return Object.entries(runbooks).flatMap(([name, text]) => {
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);
    const own = alerts.flatMap(({ alert = '', annotations }) =>
      annotations?.['runbook_url'] === `docs/runbooks/${name}.md` ? alert : [],
    );
    const listed = [...(/^Alerts: (.+)\.$/m.exec(text)?.[1] ?? '').matchAll(/`(\w+)`/g)].map(
      ([, alert]) => alert,
    );
    const metrics = [...text.matchAll(/\b[a-z]+(?:_[a-z0-9]+)+_(?:total|seconds|bytes|bucket|sum|count)\b/g)];
    return [
      ...(headings.join() === SECTIONS.join() ? [] : ['has not the four sections']),
      ...text
        .split(/^## .+$/m)
        .slice(1)
        .flatMap((section) => (section.trim().length < 12 ? ['has an empty section'] : [])),
      ...(own.length > 0 ? [] : ['has no alert']),
      ...(own.sort().join() === listed.sort().join() ? [] : [`must name its alerts: ${own.join(', ')}`]),
      ...metrics
        .map(([metric]) => metric)
        .filter((metric) => !familiesOf(metric).some((family) => known.has(family)))
        .map((metric) => `names ${metric}, which nobody exports`),
    ].map((finding) => `runbook ${name} ${finding}`);
  });
}

/**
 * @param {MonitoringSources} sources
 * @param {Set<string>} known
 */
function checkDashboards({ dashboards }, known) {
  return Object.entries(dashboards).flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, type, targets = [] }) => [
      ...(type !== 'row' && targets.length === 0 ? [`${file}, ${title}: asks nothing`] : []),
      ...targets.flatMap(({ expr }) => unknownNames(`${file}, ${title}`, expr, known)),
    ]),
  );
}
