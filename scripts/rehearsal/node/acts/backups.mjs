// @ts-check
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseObjects } from '../../../deploy/manifests.mjs';
import { until } from '../../cache.mjs';
import { Authority } from '../../control-plane/authority.mjs';
import {
  backupSurroundings,
  BUCKET,
  BUCKET_HOST,
  BUCKET_PORT,
  DATA_NAMESPACE,
  restoredPod,
  serverPod,
  SERVERS,
  writeBackupOverlay,
} from '../backup-objects.mjs';
import { serviceAddresses } from '../installation.mjs';
import { NODE_ADDRESS } from '../node-network.mjs';
import { query } from '../stores.mjs';

const READY_DEADLINE = '180s';
const JOB_DEADLINE = '300s';
const WAL_DEADLINE_MS = 120_000;
const RESTORE_DEADLINE_MS = 180_000;
/** As the pods of the overlay are. */
const BACKUP_USER = 65532;

/**
 * The jobs of deployment/overlays/backup run as pods: PostgreSQL, a primary and two standbys that archive into a bucket, is
 * backed up over TLS into all three repositories, and what was written since is in a server that is restored from them;
 * Redis is backed up onto the claim.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {{ state: string, bucket: string | undefined, hasImage: boolean }} options the bucket's program, when it could be had
 */
export async function backUpAndRestore({ installation, rehearsal }, { state, bucket, hasImage }) {
  const { goal, leftOut, say } = rehearsal;
  if (bucket === undefined || !hasImage) {
    leftOut('deployment/overlays/backup: there is no bucket, or no image of the backups');
    return;
  }
  const { kubectl, names, processes } = installation;
  const apply = (/** @type {readonly object[]} */ items) =>
    kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const keys = await createBackupKeys(join(state, 'backup-keys'));
  startBucket(join(state, 'buckets'), { bucket, keys, processes });
  const snapshots = join(state, 'redis-snapshots');
  mkdirSync(snapshots);
  // No driver does it for a directory of the node.
  chownSync(snapshots, BACKUP_USER, BACKUP_USER);

  const redisUrls = 'main=redis://redis:6379 sessions=redis://redis:6379';
  await apply(backupSurroundings(keys, { redisUrls, snapshots }));
  for (const [name, address] of await serviceAddresses(kubectl)) names.set(name, address);
  const ready = (/** @type {string} */ name) =>
    kubectl([
      ...['wait', '--namespace', DATA_NAMESPACE, '--for=condition=Ready', `pod/${name}`],
      `--timeout=${READY_DEADLINE}`,
    ]);
  const [primary = '', ...standbys] = SERVERS;
  await apply([serverPod(primary)]);
  await ready(primary);
  await apply(standbys.map((name) => serverPod(name, primary)));
  for (const name of standbys) await ready(name);
  const overlay = parseObjects(await kubectl(['kustomize', writeBackupOverlay(state)]), 'the backup overlay');
  await apply(overlay);
  say(`  three servers that archive into a bucket, and the overlay: ${String(overlay.length)} objects`);

  /** @param {string} cronJob @param {string} name */
  const runOnce = async (cronJob, name) => {
    await kubectl(['create', 'job', '--namespace=caudal', `--from=cronjob/${cronJob}`, name]);
    const done = ['--for=condition=complete', `job/${name}`, `--timeout=${JOB_DEADLINE}`];
    const isDone = await kubectl(['wait', '--namespace=caudal', ...done]).then(
      () => true,
      () => false,
    );
    return { isDone, log: logOf('caudal', name) };
  };
  const first = await runOnce('postgres-backup', 'postgres-backup-first');
  const made = ['daily', 'weekly', 'monthly'].filter((tier) => first.log.includes(`${tier}: backed up`));
  goal(first.isDone && made.length === 3, `backups: PostgreSQL over TLS into the bucket: ${made.join(', ')}`);
  if (!first.isDone) say(first.log.slice(-1_500));
  const second = await runOnce('postgres-backup', 'postgres-backup-second');
  const young = second.log.match(/young enough/g) ?? [];
  goal(
    second.isDone && young.length === 3,
    `backups: a second run finds ${String(young.length)} young enough`,
  );

  const urlOf = async (/** @type {string} */ name) => {
    const address = await kubectl([
      'get',
      'pod',
      '--namespace',
      DATA_NAMESPACE,
      name,
      '--output=jsonpath={.status.podIP}',
    ]);
    return `postgresql://caudal:${keys.password}@${address}:5432/caudal`;
  };
  const url = await urlOf(primary);
  // More than a segment, which leaves when it is full.
  await query(
    url,
    'CREATE TABLE written_since AS SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 100000) n',
  );
  const [at] = await query(url, 'SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS segment');
  await query(url, 'CREATE TABLE filler AS SELECT repeat(md5(n::text), 8) FROM generate_series(1, 100000) n');
  await until('the WAL in the bucket', WAL_DEADLINE_MS, async () => {
    const [archiver] = await query(url, 'SELECT last_archived_wal AS last FROM pg_stat_archiver');
    return String(archiver?.['last']) > String(at?.['segment']);
  });
  await apply([restoredPod('restored')]);
  const found = await until('the restored server', RESTORE_DEADLINE_MS, async () => {
    await ready('restored');
    const [row] = await query(await urlOf('restored'), 'SELECT count(*)::int AS rows FROM written_since');
    return row?.['rows'];
  }).catch((/** @type {unknown} */ error) => String(error));
  goal(found === 100_000, `backups: restored from the bucket with its WAL: ${String(found)} of 100000 rows`);
  if (found !== 100_000) say(logOf(DATA_NAMESPACE, 'restored').slice(-1_500));

  const redis = await runOnce('redis-backup', 'redis-backup-first');
  const files = readdirSync(join(snapshots, 'redis')).filter((name) => name.endsWith('.rdb.gpg'));
  goal(
    redis.isDone && ['main', 'sessions'].every((name) => files.some((file) => file.startsWith(`${name}-`))),
    `backups: Redis onto the claim: ${files.join(', ') || redis.log.slice(-300)}`,
  );
}

/** @param {string} directory @returns {Promise<import('../backup-objects.mjs').BackupKeys>} */
async function createBackupKeys(directory) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const authority = await Authority.create(directory, 'backups');
  const servers = SERVERS.map((name) => `${name}.${DATA_NAMESPACE}`);
  return {
    authority,
    client: await authority.client('caudal-backup', 'caudal-backup'),
    server: await authority.server('servers', [...servers, BUCKET_HOST, `${BUCKET}.${BUCKET_HOST}`]),
    backupKey: randomBytes(32).toString('base64'),
    s3Key: randomBytes(10).toString('hex'),
    s3KeySecret: randomBytes(20).toString('hex'),
    password: randomBytes(18).toString('base64url'),
  };
}

/**
 * @param {string} directory each folder in it is a bucket
 * @param {{ bucket: string, keys: import('../backup-objects.mjs').BackupKeys, processes: import('../../processes.mjs').Processes }} options
 */
function startBucket(directory, { bucket, keys: { s3Key, s3KeySecret, server }, processes }) {
  mkdirSync(join(directory, BUCKET), { recursive: true });
  processes.start(
    'bucket',
    bucket,
    [
      ...[
        '--port',
        `${NODE_ADDRESS}:${String(BUCKET_PORT)}`,
        '--cert',
        server.certificate,
        '--key',
        server.key,
      ],
      ...['--region', 'eu-west-1', '--virtual-domain', BUCKET_HOST, '--quiet'],
      ...['posix', directory],
    ],
    { env: { ROOT_ACCESS_KEY_ID: s3Key, ROOT_SECRET_ACCESS_KEY: s3KeySecret } },
  );
}

/** What its pods have written. @param {string} namespace @param {string} name of a pod, or of a job */
function logOf(namespace, name) {
  const root = '/var/log/pods';
  return readdirSync(root)
    .filter((directory) => directory.startsWith(`${namespace}_${name}`))
    .flatMap((directory) =>
      readdirSync(join(root, directory)).map((container) => join(root, directory, container)),
    )
    .flatMap((directory) => readdirSync(directory).map((file) => readFileSync(join(directory, file), 'utf8')))
    .join('');
}
