// @ts-check
// A shop on the servers of a drill, with buyers who note what was acknowledged to them.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SaleAdministration } from '../demo/sale-administration.mjs';
import { ShopClient } from '../demo/shop-client.mjs';
import { migrate } from '../database/migrate.mjs';
import { issueBuyers } from '../load/buyers.mjs';
import { findFreePort } from '../services/ports.mjs';
import { startRedis } from '../services/redis.mjs';
import { PROJECT, runTool } from '../setup/project.mjs';
import { startApplication } from '../start/app-process.mjs';
import { loadSecrets } from '../start/secrets.mjs';
import { BuyerCrowd } from './buyer-crowd.mjs';

const execute = promisify(execFile);
const PROCESSES = 2;
const STOCK = 100_000;
const CLIENT_DEADLINE_MS = 10_000;

/**
 * @param {import('./backup-stage.mjs').BackupStage} stage
 * @param {number} buyerCount beside the one who orders when the shop is back
 */
export async function openDrilledShop({ work, runDir, postgres }, buyerCount) {
  const redisFolder = join(work, 'redis');
  const redis = await startRedis({ dir: redisFolder, runDir, persistent: true });
  await migrate(postgres.url);
  const checkpoints = join(work, 'audit/checkpoints');
  const secrets = loadSecrets(join(work, 'secrets'), {});
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    LOG_LEVEL: 'warn',
    HOST: '127.0.0.1',
    TRUST_PROXY_HOPS: '1',
    ROLE: 'all',
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    AUDIT_SPOOL_DIR: join(work, 'audit/spool'),
    AUDIT_CHECKPOINT_DIR: checkpoints,
    ...secrets,
  };
  const administrator = { ADMIN_EMAIL: 'admin@caudal.test', ADMIN_PASSWORD: randomBytes(16).toString('hex') };
  await runTool('the seed', process.execPath, [join(PROJECT, 'dist/seed.js')], { ...env, ...administrator });
  const ports = await Promise.all(Array.from({ length: PROCESSES }, findFreePort));
  const startApplications = () =>
    Promise.all(
      ports.map(async (port) =>
        startApplication({
          ...{ port, managementPort: await findFreePort(), role: 'all', env, runDir },
          logFile: join(work, `app-${String(port)}.log`),
          onLog: () => {},
        }),
      ),
    );
  let applications = await startApplications();

  const installation = {
    dataDir: work,
    origins: ports.map((port) => `http://127.0.0.1:${String(port)}`),
    managementPort: 0,
    databaseUrl: postgres.url,
    privateKeyFile: secrets['JWT_PRIVATE_KEY_FILE'] ?? '',
    fieldEncryptionKeys: secrets['FIELD_ENCRYPTION_KEYS'],
  };
  const { buyers, admin } = await issueBuyers(installation, { count: buyerCount + 1, lifetimeSeconds: 3600 });
  const lastBuyer = buyers.pop();
  if (lastBuyer === undefined) throw new Error('there is no buyer');
  const client = new ShopClient(installation.origins, { deadlineMs: CLIENT_DEADLINE_MS });
  const administration = new SaleAdministration(client, admin?.token ?? '');
  const { variantId } = await administration.openSale({ runId: 'drill', stock: STOCK });
  const crowd = new BuyerCrowd(client, variantId);

  return {
    ...{ redis, redisFolder, checkpoints, buyers, crowd },
    /** All processes and Redis, as a machine that is lost. */
    destroy: async () => {
      redis.kill('SIGKILL');
      await crowd.stop();
      for (const each of applications) each.kill('SIGKILL');
      await Promise.all([redis.waitForExit(), ...applications.map((each) => each.waitForExit())]);
    },
    /** With the Redis that was put in the place of the former; whether an order is taken. */
    reopen: async () => {
      applications = await startApplications();
      return (await crowd.orderOnce(lastBuyer)) !== null;
    },
    restoreCheckpoints: (/** @type {string} */ moment) =>
      execute(join(PROJECT, 'deployment/scripts/restore.sh'), [
        ...['audit-checkpoints', '--dir', checkpoints, '--to', moment],
      ]),
    startRedis: () => startRedis({ dir: redisFolder, port: redis.port, runDir, persistent: true }),
    close: async () => {
      client.close();
      await Promise.all(applications.map((each) => each.stop()));
    },
    /** @returns {Promise<number>} entries of the chains, which are intact; rejects with what is not */
    verifyAudit: async () => {
      const { stdout } = await execute(process.execPath, [join(PROJECT, 'dist/audit-verify.js')], {
        env,
        cwd: work,
      });
      return [...stdout.matchAll(/intact, (\d+) entries/g)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof openDrilledShop>>} DrilledShop */
