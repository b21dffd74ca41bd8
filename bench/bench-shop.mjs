// Everything a run needs, in a directory that goes away with it: PostgreSQL with fsync on, Redis, a
// migrated and seeded database, and Caudal as production starts it, on the server's core.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { migrate } from '../scripts/database/migrate.mjs';
import { SaleAdministration } from '../scripts/demo/sale-administration.mjs';
import { ShopClient } from '../scripts/demo/shop-client.mjs';
import { issueBuyers } from '../scripts/load/buyers.mjs';
import { startGuard } from '../scripts/services/guard.mjs';
import { findFreePort } from '../scripts/services/ports.mjs';
import { startPostgres } from '../scripts/services/postgres.mjs';
import { startRedis } from '../scripts/services/redis.mjs';
import { loadSecrets } from '../scripts/start/secrets.mjs';
import { startPinnedServer } from './pinned-server.mjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

/**
 * More than any number of connections here, and so few that each has shown its token in the warm-up: the
 * first request of a token costs one verification of its signature on top.
 */
const BUYERS = 2_048;

const TOKEN_LIFETIME_SECONDS = 4 * 3600;

/** The relay drains a round's events in seconds; a longer wait means that it stands still. */
const SETTLE_WITHIN_MS = 60_000;

/**
 * @typedef {object} BenchShop
 * @property {string} directory
 * @property {string} databaseUrl
 * @property {import('pg').Client} database for the bench's own questions
 * @property {import('./pinned-server.mjs').PinnedServer} caudal
 * @property {number} managementPort
 * @property {SaleAdministration} administration
 * @property {import('../scripts/load/buyers.mjs').Buyer[]} buyers
 * @property {import('../scripts/load/buyers.mjs').Buyer} admin
 * @property {() => Promise<void>} settle waits until Caudal has relayed all its events, so that one
 *   side's aftermath is not the other side's load
 * @property {(env: Record<string, string>, nodeOptions?: string[]) => Promise<import('./pinned-server.mjs').PinnedServer>} startAnother
 *   one more process on the same services and the same core, with other settings; ended by its caller
 * @property {() => Promise<void>} stop
 */

/**
 * @param {import('./processor-cores.mjs').CorePlan} cores
 * @param {{ say: (step: string) => void, profileDirectory: string | null }} options where Caudal leaves a
 *   CPU profile when it stops; null for none
 * @returns {Promise<BenchShop>}
 */
export async function openBenchShop(cores, { say, profileDirectory }) {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-'));
  const runDir = join(directory, 'run');
  // Whatever happens to this process, the guard stops what is recorded there and removes the rest.
  const guard = startGuard({ runDir, remove: [directory] });
  say('starting PostgreSQL (fsync on) and Redis');
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), runDir, durable: true });
  const redis = await startRedis({ dir: join(directory, 'redis'), runDir, persistent: true });
  say('migrating and seeding');
  await migrate(postgres.url);

  const port = await findFreePort();
  const managementPort = await findFreePort();
  const secrets = loadSecrets(join(directory, 'secrets'), {});
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    ...secrets,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    // One address for each buyer: the shipped limits stay on.
    TRUST_PROXY_HOPS: '1',
    // No reservation of the run expires while it runs: the sweeper's bulk work is another question.
    RESERVATION_TTL_SECONDS: '86400',
    ROLE: process.env['ROLE'] ?? 'all',
    ADMIN_EMAIL: 'bench@example.com',
    ADMIN_PASSWORD: randomBytes(16).toString('hex'),
  };
  execFileSync(process.execPath, [join(PROJECT, 'dist', 'seed.js')], { env, stdio: 'ignore' });

  say('starting Caudal');
  const caudal = await startPinnedServer({
    script: join(PROJECT, 'dist', 'main.js'),
    nodeOptions: profileDirectory ? ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`] : [],
    port,
    readyPath: '/health/ready',
    env,
    logFile: join(directory, 'caudal.log'),
    cores,
  });
  const { buyers, admin } = await issueBuyers(
    {
      dataDir: directory,
      origins: [`http://127.0.0.1:${String(port)}`],
      managementPort,
      databaseUrl: postgres.url,
      privateKeyFile: secrets['JWT_PRIVATE_KEY_FILE'] ?? '',
    },
    { count: BUYERS, lifetimeSeconds: TOKEN_LIFETIME_SECONDS },
  );
  if (!admin) throw new Error('The seed made no administrator');
  const shopClient = new ShopClient([`http://127.0.0.1:${String(port)}`], { deadlineMs: 10_000 });
  const database = new pg.Client({ connectionString: postgres.url });
  await database.connect();

  return {
    directory,
    databaseUrl: postgres.url,
    database,
    caudal,
    managementPort,
    administration: new SaleAdministration(shopClient, admin.token),
    buyers,
    admin,
    settle: () => waitForRelay(database),
    async startAnother(settings, nodeOptions = []) {
      const otherPort = await findFreePort();
      return startPinnedServer({
        script: join(PROJECT, 'dist', 'main.js'),
        nodeOptions,
        port: otherPort,
        readyPath: '/health/ready',
        env: {
          ...env,
          PORT: String(otherPort),
          MANAGEMENT_PORT: String(await findFreePort()),
          ...settings,
        },
        logFile: join(directory, `caudal-${String(otherPort)}.log`),
        cores,
      });
    },
    async stop() {
      shopClient.close();
      await database.end();
      await caudal.stop();
      await redis.stop();
      await postgres.stop();
      await guard.release();
    },
  };
}

/** @param {import('pg').Client} database */
async function waitForRelay(database) {
  const deadline = performance.now() + SETTLE_WITHIN_MS;
  for (;;) {
    const { rowCount } = await database.query('SELECT FROM outbox_batches LIMIT 1');
    if (rowCount === 0) return;
    if (performance.now() > deadline) throw new Error('The outbox is not drained');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
