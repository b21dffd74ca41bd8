// Everything that can be checked of deployment/monitoring. check-monitoring.mjs prints it; others may call it.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
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
    const mistaken = new Set(RULE_MUTATIONS.map(([alert]) => alert));
    const alerts = Object.values(readMonitoringSources(project).ruleFiles)
      .flatMap(({ groups }) => groups.flatMap((group) => group.rules))
      .flatMap(({ alert }) => alert ?? []);
    const untried = alerts.filter((alert) => !mistaken.has(alert));
    report(
      `each of ${String(alerts.length)} alerts has a seeded mistake`,
      untried.length === 0,
      untried.join('\n'),
    );
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

/** One process for several files: it takes longer to start than to test one. */
const FILES_PER_RUN = 8;

/**
 * Makes each mistake in a copy of its own and runs the tests of its alert there.
 * @param {string} promtool
 * @param {string} folder
 * @returns {Promise<string[]>} what nobody noticed
 */
async function missedMutations(promtool, folder) {
  const work = mkdtempSync(join(tmpdir(), 'caudal-rules-'));
  try {
    const tests = RULE_MUTATIONS.map((mutation, index) =>
      makeMistake(join(folder, 'rules'), join(work, String(index)), mutation),
    );
    const files = tests.flat();
    const passed = new Set();
    const runNext = async () => {
      for (
        let next = files.splice(0, FILES_PER_RUN);
        next.length > 0;
        next = files.splice(0, FILES_PER_RUN)
      ) {
        const run = await runTool(promtool, ['test', 'rules', ...next]);
        for (const file of passedFiles(run.output)) passed.add(file);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, runNext));
    return RULE_MUTATIONS.filter((_, index) => tests[index]?.every((file) => passed.has(file))).map(
      ([alert, what]) => `  not noticed: ${alert}, ${what}`,
    );
  } finally {
    rmSync(work, { recursive: true });
  }
}

/**
 * @param {string} rules
 * @param {string} copy
 * @param {import('../deploy/mutations/mutation.mjs').Mutation} mutation
 * @returns {string[]} the files of its tests
 */
function makeMistake(rules, copy, mutation) {
  const [alert, , , from] = mutation;
  cpSync(rules, copy, { recursive: true });
  const name = readdirSync(copy)
    .filter((file) => file.endsWith('.rules.yaml'))
    .find((file) => readFileSync(join(copy, file), 'utf8').includes(`alert: ${alert}\n`));
  if (name === undefined) throw new Error(`there is no alert ${alert}`);
  writeFileSync(join(copy, name), mutate(readMutable(copy, name, String(from)), mutation) ?? '');
  const [subject = ''] = name.split('.');
  return readdirSync(join(copy, 'tests')).flatMap((file) => {
    if (!file.startsWith(subject)) return [];
    const path = join(copy, 'tests', file);
    const tests = testsOf(readFileSync(path, 'utf8'), alert);
    if (tests === null) return [];
    writeFileSync(path, tests);
    return [path];
  });
}

/** promtool says a file's name, and then SUCCESS or, elsewhere, why not. @param {string} output */
const passedFiles = (output) =>
  [...output.matchAll(/^Unit Testing: +(\S+)\n +SUCCESS$/gm)].map(([, file = '']) => file);

/** Written out without the formatter's line breaks, so that an expression is one text. */
function readMutable(/** @type {string} */ copy, /** @type {string} */ name, /** @type {string} */ from) {
  const text = readFileSync(join(copy, name), 'utf8');
  return text.includes(from) ? text : stringify(parse(text), { lineWidth: 0 });
}

/** @returns {string | null} null when the file has none */
function testsOf(/** @type {string} */ text, /** @type {string} */ alert) {
  /** @type {unknown} */
  const parsed = parse(text);
  const file = /** @type {import('./monitoring-sources.mjs').TestFile} */ (parsed);
  const tests = file.tests.filter(({ promql_expr_test: cases }) =>
    cases.some(({ expr }) => expr.includes(`"${alert}"`)),
  );
  return tests.length === 0 ? null : stringify({ ...file, tests });
}
