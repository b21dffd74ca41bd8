// @ts-check
// npm run audit:verify [-- --state FILE] [--checkpoints FILE]
// Verifies the chains of the audit log with the built program, in DATABASE_URL or in the database of the
// local `npm start`, whose secrets and checkpoints it then uses.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findLocalInstallation, getDatabaseUrl, LocalInstallationError } from './load/local-installation.mjs';
import { readJsonFile } from './services/json-file.mjs';
import { ensureBuilt, ensureGenerated } from './setup/build.mjs';
import { ensureInstalled } from './setup/install.mjs';
import { PROJECT, PROJECT_NODE } from './setup/project.mjs';
import { createSteps, reportFailure } from './setup/steps.mjs';
import { layoutOf } from './start/data-directory.mjs';
import { loadSecrets } from './start/secrets.mjs';

/** What the local installation knows and the environment does not say. */
function localEnvironment() {
  const installation = findLocalInstallation(process.env);
  const layout = layoutOf(installation.dataDir);
  const isRunning = existsSync(layout.runtime);
  const runtime = /** @type {{ redisUrl?: string }} */ (isRunning ? readJsonFile(layout.runtime) : {});
  return {
    AUDIT_CHECKPOINT_DIR: layout.auditCheckpoints,
    ...(runtime.redisUrl === undefined ? {} : { REDIS_URL: runtime.redisUrl }),
    ...(existsSync(layout.secrets) ? loadSecrets(layout.secrets, process.env) : {}),
    ...process.env,
    DATABASE_URL: getDatabaseUrl(installation),
  };
}

/**
 * @param {string[]} args
 * @returns {Promise<number>} the exit code
 */
async function main(args) {
  const steps = createSteps(process.stderr);
  await ensureInstalled(steps);
  await ensureGenerated(steps);
  await ensureBuilt(steps);
  const isHelp = args.includes('--help') || args.includes('-h');
  const child = spawn(PROJECT_NODE, [join(PROJECT, 'dist', 'audit-verify.js'), ...args], {
    stdio: 'inherit',
    cwd: process.env['INIT_CWD'] ?? process.cwd(),
    env: isHelp ? process.env : localEnvironment(),
  });
  process.on('SIGINT', () => undefined);
  return new Promise((resolveCode, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      resolveCode(code ?? 1);
    });
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof LocalInstallationError) process.stderr.write(`audit:verify: ${error.message}\n`);
  else reportFailure(error);
  process.exitCode = 1;
}
