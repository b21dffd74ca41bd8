// npm run test:gateway-e2e [-- --fast] [-- jest arguments]
// The end-to-end suite with a gateway and its firewall in front of every application that it starts: no test may fail
// because of them. test/gateway/firewall/end-to-end.json lists what makes no sense through a gateway, and why.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFirewall, findNginx } from './deploy/nginx-server.mjs';

/** @typedef {{ path: string, method: string, findings: { rule: number, in: string }[] }} Blocked */

/**
 * @typedef {object} Plan
 * @property {Record<string, string>} suites that make no sense through a gateway, and why
 * @property {Record<string, string>} tests by their full names (`*`: whatever), which expect what the gateway does otherwise on purpose
 * @property {Record<string, string>} attacks by rule: what the suite sends that has to be stopped
 * @property {string[]} fast the suites that are enough for every day
 */

/** @param {string} text */
const parsed = (text) => /** @type {unknown} */ (JSON.parse(text));

const plan = /** @type {Plan} */ (parsed(readFileSync('test/gateway/firewall/end-to-end.json', 'utf8')));
const rest = process.argv.slice(2).filter((argument) => argument !== '--fast');
const isFast = process.argv.includes('--fast');
const all = readdirSync('test/e2e').map((name) => name.replace('.e2e-spec.ts', ''));
const names = isFast ? plan.fast : all.filter((name) => !(name in plan.suites));

const nginx = await findNginx(console.log);
if (nginx === null || !(await findFirewall(console.log))) {
  console.log(
    'nginx with ModSecurity is not here and cannot be had by apt: nothing was sent through the gateway',
  );
  process.exit(0);
}
// What is made at random looks like an attack now and then: here it is the same each time.
const { FUZZ_SEED = '29' } = process.env;
const directory = mkdtempSync(join(tmpdir(), 'caudal-gateway-e2e-'));
const report = join(directory, 'report.jsonl');
writeFileSync(report, '');
const { status } = spawnSync(
  'npm',
  [
    ...['run', '--silent', 'test:jest', '--', '--selectProjects', 'e2e', '--testPathPatterns'],
    `test/e2e/(${names.join('|')})\\.e2e-spec`,
    ...['--testNamePattern', `^(?!(?:${Object.keys(plan.tests).map(escaped).join('|')})$)`],
    ...rest,
  ],
  { stdio: 'inherit', env: { ...process.env, CAUDAL_NGINX: nginx, CAUDAL_E2E_GATEWAY: report, FUZZ_SEED } },
);
const reports = readFileSync(report, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map(
    (line) =>
      /** @type {{ requests: number, unread: number, blocked: Blocked[], errors: string[] }} */ (
        parsed(line)
      ),
  );
rmSync(directory, { recursive: true });
const blocked = reports.flatMap((each) => each.blocked);
/** @param {'requests' | 'unread'} key */
const sum = (key) => String(reports.reduce((total, each) => total + each[key], 0));
console.log(
  `${String(names.length)} of ${String(all.length)} suites through ${String(reports.length)} gateways: ` +
    `${sum('requests')} requests, ${sum('unread')} refused unread, ${String(blocked.length)} blocked`,
);
/** @type {Map<string, number>} */
const counts = new Map();
for (const { method, path, findings } of blocked) {
  const route = path.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}').slice(0, 60);
  const rules = [...new Set(findings.map((finding) => `${String(finding.rule)} ${finding.in}`))].sort();
  const key = `${method} ${route}: ${rules.join(', ')}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
for (const [key, count] of [...counts].sort()) console.log(`  ${String(count)} blocked: ${key}`);
// Why a test that failed may have got a 503.
if (status !== 0)
  for (const error of new Set(
    reports.flatMap(({ errors }) => errors.map((each) => each.replace(/\d+#\d+: (?:\*\d+ )?/, ''))),
  ))
    console.log(`  nginx: ${error}`);
if (!isFast)
  for (const [name, reason] of Object.entries(plan.suites))
    console.log(`  not through it: ${name}: ${reason}`);
for (const [name, reason] of Object.entries(plan.tests)) console.log(`  not through it: ${name}: ${reason}`);
const unknown = [
  ...new Set(
    blocked.flatMap(({ findings }) =>
      findings.length === 0 ? ['none'] : findings.map(({ rule }) => String(rule)),
    ),
  ),
].filter((rule) => !(rule in plan.attacks));
for (const rule of unknown)
  console.error(
    `${rule} found something in what is no attack, or test/gateway/firewall/end-to-end.json does not say in what`,
  );
process.exit(unknown.length > 0 ? 1 : (status ?? 1));

/** @param {string} text */
function escaped(text) {
  return text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
}
