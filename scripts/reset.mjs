// @ts-check
import { existsSync } from 'node:fs';
import { stopRecorded } from './services/process-records.mjs';
import { removeWithClusters } from './services/postgres-host.mjs';
import { StartError } from './services/start-error.mjs';
import { reportFailure } from './setup/steps.mjs';
import { findOwner, isDataDirectory, layoutOf } from './start/data-directory.mjs';
import { readOptions } from './start/options.mjs';

// `npm run reset`: removes the local data. It asks nothing, so it only removes what a start has made.
try {
  const { dataDir } = readOptions([], { DATA_DIR: process.env['DATA_DIR'] });
  const layout = layoutOf(dataDir);
  const owner = findOwner(dataDir);
  if (owner !== null)
    throw new StartError(`Caudal runs on ${dataDir} (process ${String(owner.pid)}): stop it first`);
  if (existsSync(dataDir) && !isDataDirectory(dataDir)) {
    throw new StartError(`${dataDir} was not made by npm start, so it is not removed`);
  }
  await stopRecorded(layout.run);
  const existed = existsSync(dataDir);
  removeWithClusters(dataDir);
  process.stdout.write(existed ? `✓ removed ${dataDir}\n` : `nothing to remove: ${dataDir} does not exist\n`);
} catch (error) {
  reportFailure(error);
  process.exit(1);
}
