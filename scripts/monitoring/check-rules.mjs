// Everything that can be checked of deployment/monitoring. check-monitoring.mjs prints it; others may call it.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { checkMonitoring } from './monitoring-checks.mjs';
import { readMonitoringSources } from './monitoring-sources.mjs';
import { findPrometheusTools, runTool } from './prometheus-tools.mjs';
import { mutate, RULE_MUTATIONS } from './rule-mutations.mjs';

const MONITORING = 'deployment/monitoring';

/**
 * @param {string} project its folder
 * @param {(line: string) => void} say one line for each check
 * @returns {Promise<number>} how many checks failed
 */
export async function runMonitoringChecks(project, say) {
  let failures = 0;
  const report = (/** @type {string} */ what, /** @type {boolean} */ isOk, detail = '') => {
    if (!isOk) failures += 1;
    say(`${isOk ? '✓' : '✗'} ${what}${isOk || detail === '' ? '' : `\n${detail}`}`);
  };

  const findings = checkMonitoring(readMonitoringSources(project));
  report(
    'alerts, tests, runbooks and dashboards belong together',
    findings.length === 0,
    findings.join('\n'),
  );

  const find = await findPrometheusTools();
  const folder = join(project, MONITORING);
  const listed = (/** @type {string} */ path) =>
    readdirSync(join(folder, path))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => join(folder, path, name));
  const promtool = find('promtool');
  if (promtool === null) say('- promtool is not here and cannot be had by apt: rules are not tested');
  else {
    const rules = await runTool(promtool, ['check', 'rules', ...listed('rules')]);
    report('promtool check rules', rules.isOk, rules.output);
    const config = await runTool(promtool, [
      'check',
      'config',
      '--syntax-only',
      join(folder, 'prometheus.yml'),
    ]);
    report('promtool check config', config.isOk, config.output);
    const tests = await runTool(promtool, ['test', 'rules', ...listed('rules/tests')]);
    report('promtool test rules', tests.isOk, tests.output);
    const missed = await missedMutations(promtool, folder);
    const caught = RULE_MUTATIONS.length - missed.length;
    report(
      `${String(caught)} of ${String(RULE_MUTATIONS.length)} seeded mistakes in rules are caught`,
      missed.length === 0,
      missed.join('\n'),
    );
  }
  const amtool = find('amtool');
  if (amtool === null) say('- amtool is not here and cannot be had by apt: the routes are not checked');
  else {
    const config = await runTool(amtool, ['check-config', join(folder, 'alertmanager/alertmanager.yml')]);
    report('amtool check-config', config.isOk, config.output);
    for (const { labels, receivers } of ROUTES) {
      const file = join(folder, 'alertmanager/alertmanager.yml');
      const route = await runTool(amtool, ['config', 'routes', 'test', `--config.file=${file}`, ...labels]);
      report(
        `${labels.join(' ')} goes to ${receivers}`,
        route.output.split('\n')[0] === receivers,
        route.output,
      );
    }
  }
  return failures;
}

/** Who is told of what. */
const ROUTES = [
  { labels: ['severity=critical', 'alertname=PrimaryUnavailable'], receivers: 'pagerduty,slack' },
  { labels: ['severity=critical', 'objective=availability'], receivers: 'email,pagerduty,slack' },
  { labels: ['severity=warning', 'alertname=CpuHigh'], receivers: 'slack' },
  { labels: ['severity=info', 'objective=latency'], receivers: 'email' },
];

/**
 * Makes each mistake in a copy and runs the tests of its alert there.
 * @param {string} promtool
 * @param {string} folder
 * @returns {Promise<string[]>} what nobody noticed
 */
async function missedMutations(promtool, folder) {
  const copy = mkdtempSync(join(tmpdir(), 'caudal-rules-'));
  const missed = [];
  try {
    for (const mutation of RULE_MUTATIONS) {
      cpSync(join(folder, 'rules'), copy, { recursive: true });
      const name = readdirSync(copy)
        .filter((file) => file.endsWith('.rules.yaml'))
        .find((file) => readFileSync(join(copy, file), 'utf8').includes(`alert: ${mutation.alert}\n`));
      if (name === undefined) throw new Error(`there is no alert ${mutation.alert}`);
      const mutated = mutate(readMutable(copy, name, mutation.from), mutation);
      writeFileSync(join(copy, name), mutated ?? '');
      const tests = join(copy, 'tests', name.replace('.rules.', '.test.'));
      writeFileSync(tests, testsOf(readFileSync(tests, 'utf8'), mutation.alert));
      const { isOk } = await runTool(promtool, ['test', 'rules', tests]);
      if (isOk) missed.push(`  not noticed: ${mutation.alert}, ${mutation.what}`);
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
  return missed;
}

/** Written out without the formatter's line breaks, so that an expression is one text. */
function readMutable(/** @type {string} */ copy, /** @type {string} */ name, /** @type {string} */ from) {
  const text = readFileSync(join(copy, name), 'utf8');
  return text.includes(from) ? text : stringify(parse(text), { lineWidth: 0 });
}

function testsOf(/** @type {string} */ text, /** @type {string} */ alert) {
  /** @type {unknown} */
  const parsed = parse(text);
  const file = /** @type {import('./monitoring-sources.mjs').TestFile} */ (parsed);
  return stringify({
    ...file,
    tests: file.tests.filter(({ promql_expr_test: cases }) =>
      cases.some(({ expr }) => expr.includes(`"${alert}"`)),
    ),
  });
}
