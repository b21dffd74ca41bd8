// @ts-check
// deployment/scripts/restore-drill.sh [--damage]
// Loads a shop on servers of its own, backs it up by the shipped scripts, takes more orders, destroys it and
// restores it: to the last archived moment, to see what is lost (RPO), and to a point in time, to see that
// everything before it is there and how long it takes until the shop sells again (RTO).
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SaleAdministration } from '../demo/sale-administration.mjs';
import { ShopClient } from '../demo/shop-client.mjs';
import { migrate } from '../database/migrate.mjs';
import { issueBuyers } from '../load/buyers.mjs';
import { startGuard } from '../services/guard.mjs';
import { giveTo } from '../services/postgres-host.mjs';
import { queryAsSuperuser } from '../services/postgres-roles.mjs';
import { findFreePort } from '../services/ports.mjs';
import { startRedis } from '../services/redis.mjs';
import { PROJECT, runTool } from '../setup/project.mjs';
import { startApplication } from '../start/app-process.mjs';
import { loadSecrets } from '../start/secrets.mjs';
import { startArchivingPostgres } from './archiving-postgres.mjs';
import { BuyerCrowd } from './buyer-crowd.mjs';
import { damageWal, tryDamages } from './damaged-backups.mjs';
import { findDrillTools } from './drill-tools.mjs';
import { compareWithAcknowledged } from './restored-shop.mjs';

const run = promisify(execFile);
/** As sysexits.h has it: nothing was tried. */
const UNAVAILABLE = 69;
const BUYERS = 8;
const THINK_MS = 40;
/** So many orders before the moment and after it, or the drill shows nothing. */
const ORDERS_MIN = 40;
/** Shipped: 60 s (docs/operations.md); the drill does not wait that long. */
const ARCHIVE_TIMEOUT_SECONDS = Number(process.env['DRILL_ARCHIVE_TIMEOUT'] ?? 3);
const PATIENCE_MS = 60_000;
const STOCK = 100_000;

const say = console.log;
let failures = 0;
/** @param {boolean} isMet @param {string} line */
function goal(isMet, line) {
  say(`${isMet ? '✓' : '✗'} ${line}`);
  if (!isMet) failures += 1;
}
const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)} s`;

/**
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds
 */
async function until(what, holds) {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await sleep(50);
  }
}

/** @param {string} work @param {string} serverPrograms @param {boolean} isSabotaged */
async function drill(work, serverPrograms, isSabotaged) {
  const runDir = join(work, 'run');
  // The account of PostgreSQL may not be able to enter the checkout.
  const scripts = join(work, 'scripts');
  cpSync(join(PROJECT, 'deployment/scripts'), scripts, { recursive: true });
  cpSync(join(PROJECT, 'deployment/docker/backup/pgbackrest.conf'), join(work, 'pgbackrest.conf'));
  const backups = join(work, 'backups');
  const keyFile = join(work, 'key');
  const metrics = join(work, 'metrics');
  writeFileSync(keyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  for (const path of [backups, metrics, join(work, 'lock'), join(work, 'pg')]) mkdirSync(path);

  const placesOf = (/** @type {string} */ at, /** @type {string} */ key) => ({
    BACKUP_DIR: at,
    BACKUP_KEY_FILE: key,
    BACKUP_METRICS_DIR: metrics,
    PGBACKREST_CONFIG: join(work, 'pgbackrest.conf'),
    PGBACKREST_LOCK_PATH: join(work, 'lock'),
  });
  const places = placesOf(backups, keyFile);
  const inShell = Object.entries(places).map(([name, value]) => `${name}=${value}`);
  const postgres = await startArchivingPostgres({
    directory: join(work, 'pg'),
    serverPrograms,
    runDir,
    archiveCommand: `${inShell.join(' ')} ${join(scripts, 'backup.sh')} wal %p`,
    archiveTimeoutSeconds: ARCHIVE_TIMEOUT_SECONDS,
  });
  const { identity } = postgres.host;
  for (const path of [keyFile, backups, metrics, join(work, 'lock')]) giveTo(path, identity);

  const redis = await startRedis({ dir: join(work, 'redis'), runDir, persistent: true });
  /** @type {import('../services/postgres-server.mjs').PostgresServer} */
  let server = postgres.server;
  const script = async (/** @type {string[]} */ [name = '', ...args], where = places) => {
    const { stdout } = await run(join(scripts, name), args, {
      cwd: work,
      env: {
        PATH: process.env['PATH'],
        LC_ALL: 'C',
        ...where,
        PGBACKREST_PG1_PATH: postgres.dataDir,
        PGBACKREST_PG1_PORT: String(postgres.port),
        PGBACKREST_PG1_SOCKET_PATH: join(work, 'pg'),
        PGBACKREST_PG1_USER: 'postgres',
        REDIS_BACKUP_URLS: `main=${redis.url}`,
      },
      ...identity,
    });
    for (const line of stdout.trim().split('\n')) if (line !== '') say(`    ${line}`);
  };

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
  const ports = [await findFreePort(), await findFreePort()];
  const startApplications = () =>
    Promise.all(
      ports.map(async (port) =>
        startApplication({
          port,
          managementPort: await findFreePort(),
          role: 'all',
          env,
          logFile: join(work, `app-${String(port)}.log`),
          runDir,
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
  const { buyers, admin } = await issueBuyers(installation, { count: BUYERS + 1, lifetimeSeconds: 3600 });
  const client = new ShopClient(installation.origins, { deadlineMs: 10_000 });
  const shop = new SaleAdministration(client, admin?.token ?? '');
  const { variantId } = await shop.openSale({ runId: 'drill', stock: STOCK });
  const crowd = new BuyerCrowd(client, variantId);
  const lastBuyer = buyers.pop();
  if (lastBuyer === undefined) throw new Error('there is no buyer');

  say('load, and a backup under it');
  crowd.start(buyers, THINK_MS);
  await until('orders', () => crowd.orders.length >= ORDERS_MIN);
  await script(['backup.sh', 'redis']);
  const backupMs = performance.now();
  await script(['backup.sh', 'postgres']);
  say(`    three repositories in ${seconds(performance.now() - backupMs)}`);
  const before = crowd.orders.length;
  await until('more orders', () => crowd.orders.length >= before + ORDERS_MIN);

  const momentMs = Date.now();
  const moment = new Date(momentMs).toISOString();
  const [{ segment } = { segment: '' }] = await queryAsSuperuser(
    postgres.superuserUrl,
    'SELECT pg_walfile_name(pg_current_wal_lsn()) AS segment',
  );
  const sentAfter = () => crowd.orders.filter(({ sentAtMs }) => sentAtMs > momentMs).length;
  await until('orders after the moment', () => sentAfter() >= ORDERS_MIN);
  await until('the archive to have the moment', async () => {
    const [row] = await queryAsSuperuser(
      postgres.superuserUrl,
      'SELECT last_archived_wal FROM pg_stat_archiver',
    );
    return String(row?.['last_archived_wal']) >= String(segment);
  });
  const archived = crowd.orders.length;
  await until('orders that the archive may not have', () => crowd.orders.length >= archived + ORDERS_MIN / 2);

  const destroyedAtMs = Date.now();
  server.kill('SIGKILL');
  redis.kill('SIGKILL');
  await crowd.stop();
  for (const each of applications) each.kill('SIGKILL');
  await Promise.all([
    server.waitForExit(),
    redis.waitForExit(),
    ...applications.map((each) => each.waitForExit()),
  ]);
  rmSync(postgres.dataDir, { recursive: true });
  rmSync(join(work, 'redis'), { recursive: true });
  say(`destroyed, ${String(crowd.orders.length)} orders after the first; nothing but the backups is left`);
  for (const [what, count] of crowd.refusals) say(`    ${String(count)} × ${what}, not acknowledged`);
  if (isSabotaged) damageWal(backups);

  say('restore to the last archived moment');
  await script(['restore.sh', 'postgres', '--data-dir', postgres.dataDir, '--copy']);
  server = await postgres.start(postgres.dataDir);
  await untilWritable(postgres.superuserUrl);
  const latest = await compareWithAcknowledged(postgres.url, crowd.orders, Infinity);
  await server.stop();
  const firstLost = Math.min(...latest.missing.map(({ acknowledgedAtMs }) => acknowledgedAtMs));
  const rpoMs = latest.missing.length === 0 ? 0 : destroyedAtMs - firstLost;
  goal(
    rpoMs <= (ARCHIVE_TIMEOUT_SECONDS + 10) * 1000,
    `RPO ${seconds(rpoMs)}: ${String(latest.missing.length)} of ${String(crowd.orders.length)} orders, with an archive_timeout of ${String(ARCHIVE_TIMEOUT_SECONDS)} s`,
  );
  goal(latest.unbalanced.length === 0, `the ledger is the stock of ${String(latest.stockItems)} variants`);
  rmSync(postgres.dataDir, { recursive: true });

  say(`restore to ${moment}`);
  const restoreMs = performance.now();
  await script(['restore.sh', 'postgres', '--data-dir', postgres.dataDir, '--to', moment]);
  const restoredMs = performance.now();
  await postgres.start(postgres.dataDir);
  await untilWritable(postgres.superuserUrl);
  const replayedMs = performance.now();
  await script(['restore.sh', 'redis', '--name', 'main', '--data-dir', join(work, 'pg/redis')]);
  renameSync(join(work, 'pg/redis'), join(work, 'redis'));
  await run(join(scripts, 'restore.sh'), ['audit-checkpoints', '--dir', checkpoints, '--to', moment]);
  await startRedis({ dir: join(work, 'redis'), port: redis.port, runDir, persistent: true });
  const found = await compareWithAcknowledged(postgres.url, crowd.orders, momentMs);
  await verifyAudit(env, work);
  applications = await startApplications();
  const first = await crowd.orderOnce(lastBuyer);
  const rtoMs = performance.now() - restoreMs;

  const expected = crowd.orders.filter(({ acknowledgedAtMs }) => acknowledgedAtMs < momentMs).length;
  goal(
    found.missing.length === 0,
    `${String(expected)} orders were acknowledged before, ${String(found.missing.length)} of them are missing`,
  );
  goal(
    found.unpaid.length === 0,
    `payments acknowledged before: ${String(found.unpaid.length)} of them are missing`,
  );
  goal(
    found.later.length === 0,
    `${String(sentAfter())} orders came after, ${String(found.later.length)} of them are there`,
  );
  goal(found.unbalanced.length === 0, `the ledger is the stock of ${String(found.stockItems)} variants`);
  goal(first !== null, 'the shop sells again');
  const afterwards = await compareWithAcknowledged(postgres.url, crowd.orders, momentMs);
  goal(afterwards.unbalanced.length === 0, 'and its ledger is still the stock');
  say(
    `RTO ${seconds(rtoMs)}: verify and restore ${seconds(restoredMs - restoreMs)}, replay ${seconds(replayedMs - restoredMs)}, the rest Redis, checks and start`,
  );
  client.close();
  await Promise.all(applications.map((each) => each.stop()));

  say('damaged backups');
  const scratch = join(work, 'pg/scratch');
  mkdirSync(scratch);
  const handOver = (/** @type {string} */ path) => {
    giveTo(path, identity);
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' }))
      giveTo(join(path, name), identity);
  };
  const restore = async (
    /** @type {import('./damaged-backups.mjs').Damage} */ { of },
    /** @type {string} */ copy,
    /** @type {string} */ victim,
  ) => {
    const args = of === 'postgres' ? [] : ['--name', 'main'];
    try {
      await script(['restore.sh', of, ...args, '--data-dir', victim], placesOf(copy, join(copy, 'key')));
      return { isDone: true, output: '' };
    } catch (error) {
      return { isDone: false, output: /** @type {{ stderr?: string }} */ (error).stderr ?? String(error) };
    }
  };
  for await (const { damage, isRefused, isKept, output } of tryDamages({
    backups,
    keyFile,
    scratch,
    restore,
    handOver,
  })) {
    const said = output.trim().replaceAll(/\s+/g, ' ').slice(0, 140);
    goal(
      isRefused && isKept,
      `${damage.of}, ${damage.what}: ${isRefused ? 'refused' : 'RESTORED'}${isKept ? '' : ', and what was there is gone'} (${said})`,
    );
  }
  await script(['backup.sh', 'verify']);
}

/** @param {string} url */
async function untilWritable(url) {
  await until('the end of the replay', async () => {
    const rows = await queryAsSuperuser(url, 'SELECT NOT pg_is_in_recovery() AS writable').catch(() => []);
    return rows[0]?.['writable'] === true;
  });
}

/** @param {NodeJS.ProcessEnv} env @param {string} work */
async function verifyAudit(env, work) {
  try {
    const { stdout } = await run(process.execPath, [join(PROJECT, 'dist/audit-verify.js')], {
      env,
      cwd: work,
    });
    const entries = [...stdout.matchAll(/intact, (\d+) entries/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    goal(entries > 0, `the audit chains verify: ${String(entries)} entries`);
  } catch (error) {
    goal(
      false,
      `the audit chains do not verify: ${/** @type {{ stdout?: string }} */ (error).stdout ?? String(error)}`,
    );
  }
}

const tools = await findDrillTools(say);
if ('missing' in tools) {
  say(`the restore drill is not run: ${tools.missing} cannot be had here`);
  process.exit(UNAVAILABLE);
}
const work = mkdtempSync(join(tmpdir(), 'caudal-drill-'));
chmodSync(work, 0o755);
const guard = startGuard({ runDir: join(work, 'run'), remove: [work] });
try {
  await drill(work, tools.serverPrograms, process.argv.includes('--damage'));
} catch (error) {
  failures += 1;
  const { stderr, message, detail } = /** @type {{ stderr?: string, message: string, detail?: string }} */ (
    error
  );
  say(`✗ ${stderr?.trim() || message}`);
  if (detail) say(detail);
} finally {
  await guard.release();
}
say(failures === 0 ? 'the restore drill passed' : `the restore drill failed: ${String(failures)}`);
process.exit(failures === 0 ? 0 : 1);
