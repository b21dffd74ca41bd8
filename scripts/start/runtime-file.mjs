// @ts-check
import { rmSync, writeFileSync } from 'node:fs';

/**
 * Tells the tools beside the server (import, demo, load) where it is. Holds the database's password:
 * readable by its owner alone, and gone with the server.
 *
 * @param {ReturnType<import('./data-directory.mjs').layoutOf>} layout
 * @param {import('./options.mjs').StartOptions} options
 * @param {NodeJS.ProcessEnv} env of the application
 */
export function writeRuntimeFile(layout, { port, managementPort, instances }, env) {
  const { DATABASE_URL: databaseUrl, DATABASE_REPLICA_URLS: replicaUrls, REDIS_URL: redisUrl } = env;
  const runtime = { port, managementPort, instances, databaseUrl, replicaUrls, redisUrl };
  writeFileSync(layout.runtime, `${JSON.stringify(runtime, null, 2)}\n`, { mode: 0o600 });
}

/** @param {ReturnType<import('./data-directory.mjs').layoutOf>} layout */
export function removeRuntimeFile(layout) {
  rmSync(layout.runtime, { force: true });
}
