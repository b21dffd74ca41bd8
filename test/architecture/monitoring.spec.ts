import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { parseAllDocuments } from 'yaml';
import { monitoringFiles, readWrittenRules } from '../../scripts/monitoring/generated-files.mjs';
import { checkMonitoring } from '../../scripts/monitoring/monitoring-checks.mjs';
import {
  type MonitoringSources,
  readMonitoringSources,
} from '../../scripts/monitoring/monitoring-sources.mjs';
import { metricNamesOf } from '../../scripts/monitoring/promql-names.mjs';
import type { Slo } from '../../scripts/monitoring/slo-rules.mjs';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const sources = readMonitoringSources(PROJECT);

/** The rule of an alert in a copy that may be spoilt. */
function ruleOf({ ruleFiles }: MonitoringSources, name: string) {
  const rule = Object.values(ruleFiles)
    .flatMap(({ groups }) => groups.flatMap(({ rules }) => rules))
    .find(({ alert }) => alert === name);
  if (rule === undefined) throw new Error(`there is no alert ${name}`);
  return rule;
}

const casesOf = ({ testFiles }: MonitoringSources, name: string) =>
  Object.values(testFiles)
    .flatMap(({ tests }) => tests.flatMap((test) => test.promql_expr_test))
    .filter(({ expr }) => expr.includes(`"${name}"`));

describe('the monitoring', () => {
  it('has alerts with all fields, tests and runbooks, and asks only for metrics that somebody exports', () => {
    expect(checkMonitoring(sources)).toEqual([]);
    expect(sources.metricNames.length).toBeGreaterThan(100);
    expect(Object.keys(sources.runbooks).length).toBeGreaterThan(40);
    expect(Object.keys(sources.dashboards).length).toBe(5);
  });

  it('follows from the objectives as they are written', async () => {
    const slo = JSON.parse(readFileSync(join(PROJECT, 'deployment/monitoring/slo.json'), 'utf8')) as Slo;
    for (const [path, text] of Object.entries(monitoringFiles(slo, readWrittenRules(PROJECT)))) {
      const made = await format(text, { singleQuote: true, printWidth: 110, filepath: path });
      expect({ path, isSame: made === readFileSync(join(PROJECT, path), 'utf8') }).toEqual({
        path,
        isSame: true,
      });
    }
  });

  it('reaches a cluster: every rule and every dashboard is in the overlay', () => {
    const slo = JSON.parse(readFileSync(join(PROJECT, 'deployment/monitoring/slo.json'), 'utf8')) as Slo;
    const files = monitoringFiles(slo, readWrittenRules(PROJECT));
    const objects = parseAllDocuments(
      files['deployment/overlays/monitoring/prometheus-rules.yaml'] ?? '',
    ).map((document) => document.toJS() as { kind: string; metadata: { name: string }; spec: unknown });
    expect(Object.fromEntries(objects.map(({ metadata, spec }) => [metadata.name, spec]))).toEqual(
      Object.fromEntries(
        Object.entries(sources.ruleFiles).map(([file, rules]) => [
          `caudal-${file.replace('.rules.yaml', '')}`,
          rules,
        ]),
      ),
    );
    for (const file of Object.keys(sources.dashboards))
      expect(files['deployment/monitoring/kustomization.yaml']).toContain(`- dashboards/${file}`);
    const overlay = readFileSync(join(PROJECT, 'deployment/overlays/monitoring/kustomization.yaml'), 'utf8');
    for (const resource of ['../../monitoring', 'prometheus-rules.yaml'])
      expect(overlay).toContain(`- ${resource}\n`);
  });

  it.each<[string, (spoilt: MonitoringSources) => void, string]>([
    ['no severity', (s) => delete ruleOf(s, 'CpuHigh').labels, 'CpuHigh has no severity of the three'],
    [
      'another severity',
      (s) => (ruleOf(s, 'CpuHigh').labels = { severity: 'page' }),
      'CpuHigh has no severity of the three',
    ],
    ['no pending time', (s) => delete ruleOf(s, 'CpuHigh').for, 'CpuHigh does not say for how long'],
    ['no summary', (s) => delete ruleOf(s, 'CpuHigh').annotations?.['summary'], 'CpuHigh has no summary'],
    [
      'no description',
      (s) => delete ruleOf(s, 'CpuHigh').annotations?.['description'],
      'CpuHigh has no description',
    ],
    [
      'a dead runbook',
      (s) => (ruleOf(s, 'CpuHigh').annotations!['runbook_url'] = 'docs/runbooks/nothing.md'),
      'CpuHigh has a runbook that does not exist: nothing',
    ],
    [
      'a metric of nobody',
      (s) => (ruleOf(s, 'CpuHigh').expr = 'rate(process_cpu_total[5m]) > 0.8'),
      'CpuHigh: nobody exports process_cpu_total',
    ],
    [
      'a label that the alert has not',
      (s) => (ruleOf(s, 'CpuHigh').annotations!['description'] = 'Too much on {{ $labels.pod }} there.'),
      'CpuHigh tells of pod, which it has not',
    ],
    [
      'no test that fires',
      (s) => {
        for (const each of casesOf(s, 'CpuHigh')) each.exp_samples = [];
      },
      'CpuHigh has no test in which it fires',
    ],
    [
      'no test that is silent',
      (s) =>
        (casesOf(s, 'CpuHigh').find(({ exp_samples: samples = [] }) => samples.length === 0)!.expr = 'x'),
      'CpuHigh has no test in which it stays silent',
    ],
    [
      'a runbook without alert',
      (s) => (s.runbooks['orphan'] = s.runbooks['cpu-high']!),
      'runbook orphan has no alert',
    ],
    [
      'a runbook without a section',
      (s) => (s.runbooks['cpu-high'] = s.runbooks['cpu-high']!.replace('## What to do', '## What else')),
      'runbook cpu-high has not the four sections',
    ],
    [
      'a runbook that asks for nothing real',
      (s) => (s.runbooks['cpu-high'] = `${s.runbooks['cpu-high']!} See process_heat_total.`),
      'runbook cpu-high names process_heat_total, which nobody exports',
    ],
    [
      'a panel that asks for nothing real',
      (s) =>
        (Object.values(s.dashboards)[0]!.panels.find(({ targets }) => targets)!.targets![0]!.expr =
          'sum(heat)'),
      'nobody exports heat',
    ],
  ])('is found at fault with %s', (_, spoil, finding) => {
    const spoilt = structuredClone(sources);
    spoil(spoilt);
    expect(checkMonitoring(spoilt).join('\n')).toContain(finding);
  });
});

describe('the metrics that an expression names', () => {
  it.each([
    ['sum by (le, route) (rate(a_bucket{job=~"x|y"}[5m])) > 0.5', ['a_bucket']],
    ['max(b) != min(b) and service:c:rate5m * 60 < 1e4', ['b', 'service:c:rate5m']],
    ['absent(up{job="x"} == 1) or d unless on (e) f offset 5m', ['up', 'd', 'f']],
    ['histogram_quantile(0.95, sum by (le) (rate(g_bucket[$__rate_interval])))', ['g_bucket']],
    ['a >= on (n, h) group_left (x) b', ['a', 'b']],
  ])('are those of %s', (expression, names) => {
    expect(metricNamesOf(expression)).toEqual(names);
  });
});
