import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../scripts/database/migrate.mjs';
import { startGuard } from '../../scripts/services/guard.mjs';
import { queryAsSuperuser } from '../../scripts/services/postgres-roles.mjs';
import { startPostgres } from '../../scripts/services/postgres.mjs';
import { findRedisServer } from '../../scripts/services/redis-server.mjs';

/**
 * Starts what all test files of a run share: one PostgreSQL with a replica, and in it a migrated
 * template that each file copies. The workers learn about it from the environment, which they inherit.
 *
 * Jest loads this file outside its module system, so it imports nothing that needs a transform.
 */
export default async function startSharedServices(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-test-'));
  // PostgreSQL may have to run under an account of its own, which must be able to enter.
  chmodSync(directory, 0o755);
  const postgresDir = join(directory, 'postgres');
  const runDir = join(directory, 'run');
  // The guard also cleans up after a run that was interrupted or killed.
  const guard = startGuard({ runDir, remove: [directory] });
  const log = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  try {
    const [postgres, redisServer] = await Promise.all([
      startPostgres({
        dataDir: postgresDir,
        runDir,
        replica: true,
        durable: false,
        maxConnections: 400,
        log,
      }),
      // The suites run on another server as well: CAUDAL_TEST_REDIS=valkey takes the one of the PyPI wheel.
      findRedisServer(process.env['CAUDAL_TEST_REDIS'] === 'valkey' ? { log, ways: ['wheel'] } : { log }),
    ]);
    const [replicaUrl] = postgres.replicaUrls;
    const [replicaSuperuserUrl] = postgres.replicaSuperuserUrls;

    await queryAsSuperuser(postgres.superuserUrl, 'CREATE DATABASE caudal_template OWNER caudal');
    await migrate(postgres.url.replace(/\/caudal$/, '/caudal_template'));
    // A database can only be copied while nobody is connected to it.
    await queryAsSuperuser(postgres.superuserUrl, 'ALTER DATABASE caudal_template ALLOW_CONNECTIONS false');

    process.env['CAUDAL_TEST_SERVICES'] = JSON.stringify({
      directory,
      runDir,
      url: postgres.url,
      replicaUrl,
      superuserUrl: postgres.superuserUrl,
      replicaSuperuserUrl,
      redisServer,
    });
    Reflect.set(globalThis, '__CAUDAL_STOP_SHARED_SERVICES__', () => guard.release());
  } catch (error) {
    await guard.release();
    throw error;
  }
}
