// @ts-check
// What scripts/rehearsal/node.mjs runs in namespaces of its own.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { rehearse } from '../cache.mjs';
import { parseJson } from '../../services/json-file.mjs';
import { checkConnections } from './connections.mjs';
import { Crowd } from './crowd.mjs';
import { install } from './installation.mjs';
import { furnish } from './isolation.mjs';
import { prepareNetwork } from './node-network.mjs';
import { backUpAndRestore } from './acts/backups.mjs';
import { collectLogs } from './acts/collected-logs.mjs';
import { restartTwentyTimes } from './acts/rolling-restarts.mjs';
import { killFivePods } from './acts/killed-pods.mjs';
import { freezePostgres } from './acts/frozen-database.mjs';
import { restartNaiveServer } from './acts/naive-server.mjs';
import { exhaustMemory, hangLoop } from './acts/recoveries.mjs';

/** Requests a second: far below what a pod can do, because everything here shares the cores of a small machine. */
const RATE = 40;

const { prepared, deadlineMs } =
  /** @type {{ prepared: import('./installation.mjs').Prepared, deadlineMs: number }} */ (
    parseJson(process.env['REHEARSAL'] ?? '{}')
  );
await rehearse('rehearse:node', { deadlineMs }, async (rehearsal) => {
  const { state, programs } = prepared;
  const logs = join(state, 'var-log');
  mkdirSync(logs, { recursive: true });
  furnish(state, { '/var/log': logs });
  prepareNetwork();
  const installation = await install(prepared, rehearsal);
  await checkConnections(installation.kubectl, rehearsal);
  const { buyersFile, variantId } = installation;
  const crowd = new Crowd({ state, k6: programs.k6, buyersFile, variantId, rate: RATE });
  const stage = { installation, crowd, rehearsal };
  await killFivePods(stage);
  await exhaustMemory(stage);
  await hangLoop(stage);
  await freezePostgres(stage);
  await collectLogs(stage, { state, collector: programs.collector });
  await backUpAndRestore(stage, { state, bucket: programs.bucket, hasImage: prepared.hasBackupImage });
  await restartNaiveServer(stage);
  await restartTwentyTimes(stage, deadlineMs);
});
