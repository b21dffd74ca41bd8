// npm run load -- SCENARIO [k6 arguments]
// Finds k6 and runs one of test/load/scenarios against the running server. Starts nothing else.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath, isExecutable } from '../services/commands.mjs';
import { runCommand } from './command-line.mjs';
import { findLocalInstallation, LocalInstallationError } from './local-installation.mjs';

const SCENARIOS = fileURLToPath(new URL('../../test/load/scenarios', import.meta.url));

/** The version these scripts were written against; any 1.x should do. */
const INSTALL_HINT = `k6 was not found on the PATH. Install it with Go:
  go install go.k6.io/k6@v1.8.1
and add $(go env GOPATH)/bin to the PATH, or set K6 to the binary. Other ways:
  https://grafana.com/docs/k6/latest/set-up/install-k6/`;

/** @returns {string} */
function findK6() {
  const { K6 } = process.env;
  const found = K6 ? (isExecutable(K6) ? K6 : null) : findOnPath('k6');
  if (found !== null) return found;
  throw new LocalInstallationError(
    process.env.K6 ? `K6=${process.env.K6} is not an executable file` : INSTALL_HINT,
  );
}

async function main() {
  const [scenario, ...k6Arguments] = process.argv.slice(2);
  const known = readdirSync(SCENARIOS).map((file) => file.replace(/\.js$/, ''));
  if (!scenario || !known.includes(scenario)) {
    throw new LocalInstallationError(
      `Usage: npm run load -- SCENARIO [k6 arguments]\nScenarios: ${known.join(', ')}`,
    );
  }
  const k6 = findK6();
  const installation = findLocalInstallation(process.env);
  const buyersFile = process.env.BUYERS_FILE ?? join(installation.dataDir, 'load-buyers.json');
  const [baseUrl = ''] = installation.origins;
  const page = summaryPage(scenario, installation.dataDir);
  const child = spawn(k6, ['run', ...k6Arguments, join(SCENARIOS, `${scenario}.js`)], {
    stdio: 'inherit',
    env: {
      ...process.env,
      BASE_URL: baseUrl,
      ...(existsSync(buyersFile) && { BUYERS_FILE: buyersFile }),
      ...(page !== null && { SUMMARY_HTML: page }),
      // k6 asks its makers' server to count its users unless told not to.
      K6_NO_USAGE_REPORT: 'true',
    },
  });
  // Ctrl-C reaches k6 through the terminal; this process waits for its teardown.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await waitForExit(child);
  if (page !== null && existsSync(page)) console.log(`summary: ${page}`);
  return code;
}

/**
 * Where the page goes that sums the run up: SUMMARY_HTML, or beside the installation's other files.
 *
 * @param {string} scenario
 * @param {string} dataDir
 * @returns {string | null} null when there is no such place
 */
function summaryPage(scenario, dataDir) {
  if (process.env.SUMMARY_HTML) return resolve(process.env.SUMMARY_HTML);
  if (!existsSync(dataDir)) return null;
  const directory = join(dataDir, 'load');
  mkdirSync(directory, { recursive: true });
  return join(directory, `${scenario}.html`);
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>}
 */
function waitForExit(child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

await runCommand(main, '');
