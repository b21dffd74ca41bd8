// npm run check:scripts
// The rules of the workflows; shellcheck over the shell scripts and actionlint over the workflows, where the two can be had.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkWorkflows } from './deploy/rules/workflow-rules.mjs';
import { readCommands, readWorkflows } from './deploy/workflows.mjs';
import { obtainTool } from './setup/tool-cache.mjs';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
/** Files with a shell in their first line. */
function shellScripts() {
  const inFolder = (/** @type {string} */ folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  return ['.ci', 'deployment']
    .flatMap(inFolder)
    .filter((file) => /^#!.*\b(ba|da)?sh\b/.test(readFileSync(file, 'utf8').split('\n', 1)[0] ?? ''));
}

let failures = 0;

/**
 * @param {string} title
 * @param {string} program
 * @param {string[]} args
 */
function check(title, program, args) {
  const { status } = spawnSync(program, args, { cwd: PROJECT, stdio: 'inherit' });
  if (status !== 0) failures += 1;
  console.log(`${status === 0 ? '✓' : '✗'} ${title}`);
}

const workflows = readWorkflows(PROJECT);
const findings = checkWorkflows(workflows, readCommands(PROJECT));
for (const { rule, where, message } of findings) console.error(`✗ ${rule}: ${where}: ${message}`);
failures += findings.length;
if (findings.length === 0) console.log(`✓ rules: ${String(workflows.size)} workflows`);
const shellcheck = await obtainTool('shellcheck');
if (shellcheck.path === undefined) console.log(`left out: ${shellcheck.reason}`);
else {
  const scripts = shellScripts();
  check(`shellcheck: ${String(scripts.length)} scripts`, shellcheck.path, [
    '-x',
    '--source-path=SCRIPTDIR',
    ...scripts,
  ]);
}
const actionlint = await obtainTool('actionlint');
if (actionlint.path === undefined) console.log(`left out: ${actionlint.reason}`);
else {
  check(`actionlint: ${String(workflows.size)} workflows`, actionlint.path, [
    ...(shellcheck.path === undefined ? [] : ['-shellcheck', shellcheck.path]),
    ...[...workflows.keys()].map((name) => join('.github/workflows', name)),
  ]);
}
process.exitCode = failures === 0 ? 0 : 1;
