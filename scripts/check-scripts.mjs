// npm run check:scripts
// The rules of the workflows; shellcheck over the shell scripts and actionlint over the workflows, where the two can be had.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkWorkflows } from './deploy/rules/workflow-rules.mjs';
import { readCommands, readWorkflows } from './deploy/workflows.mjs';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
/** What is not on the PATH comes here, outside of the repository. */
const CACHE = process.env.CAUDAL_TOOLS ?? join(homedir(), '.cache/caudal-tools');
const FOLDERS = [
  ...(process.env.PATH ?? '').split(delimiter),
  join(CACHE, 'bin'),
  join(CACHE, 'shellcheck/usr/bin'),
];

/** @param {string} name */
function find(name) {
  return FOLDERS.map((folder) => join(folder, name)).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * @param {string} name
 * @param {() => void} fetchIt
 * @returns {string | undefined} undefined when the program is not here and cannot be had
 */
function obtain(name, fetchIt) {
  try {
    if (find(name) === undefined) fetchIt();
  } catch {
    // No network, or no such package manager: the caller says so in one line.
  }
  return find(name);
}

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

const quiet = /** @type {const} */ ({ stdio: 'ignore' });
const shellcheck = obtain('shellcheck', () => {
  const folder = join(CACHE, 'shellcheck');
  mkdirSync(folder, { recursive: true });
  execFileSync('apt-get', ['download', 'shellcheck'], { ...quiet, cwd: folder });
  execFileSync('sh', ['-c', 'dpkg-deb -x shellcheck_*.deb .'], { ...quiet, cwd: folder });
});
const actionlint = obtain('actionlint', () => {
  execFileSync('go', ['install', 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'], {
    ...quiet,
    env: { ...process.env, GOBIN: join(CACHE, 'bin') },
  });
});

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
if (shellcheck === undefined)
  console.log('left out: shellcheck (not installed, and apt-get has none to give)');
else {
  const scripts = shellScripts();
  check(`shellcheck: ${String(scripts.length)} scripts`, shellcheck, [
    '-x',
    '--source-path=SCRIPTDIR',
    ...scripts,
  ]);
}
if (actionlint === undefined) console.log('left out: actionlint (not installed, and no Go to build it)');
else {
  check(`actionlint: ${String(workflows.size)} workflows`, actionlint, [
    ...(shellcheck === undefined ? [] : ['-shellcheck', shellcheck]),
    ...[...workflows.keys()].map((name) => join('.github/workflows', name)),
  ]);
}
process.exitCode = failures === 0 ? 0 : 1;
