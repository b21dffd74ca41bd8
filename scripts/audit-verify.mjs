// @ts-check
// npm run audit:verify [-- --state FILE] [--checkpoints FILE]
// Verifies the chains of the audit log with the built program, in DATABASE_URL or in the database of the
// local `npm start`, whose secrets and checkpoints it then uses.
import { existsSync } from 'node:fs';
import { findLocalInstallation, getDatabaseUrl } from './load/local-installation.mjs';
import { readJsonFile } from './services/json-file.mjs';
import { runBuilt } from './setup/run-built.mjs';
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

const args = process.argv.slice(2);
const isHelp = args.includes('--help') || args.includes('-h');

await runBuilt({
  name: 'audit:verify',
  file: 'audit-verify.js',
  args,
  environment: () => (isHelp ? process.env : localEnvironment()),
});
