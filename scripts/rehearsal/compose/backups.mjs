// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../shop-client.mjs';
import { until } from '../cache.mjs';
import { UP } from '../compose-project.mjs';
import { untilAllAreAsked } from './addresses.mjs';
import { runHostScript } from './host-script.mjs';
import { SERVERS, sql } from './postgres-servers.mjs';

const DATA = '/var/lib/postgresql/18/docker';
const PROGRAMS = '/opt/caudal-pgbackrest';
/** Instead of a service's own command, in a container that goes away again. */
const RUN_ONCE = ['run', '--rm', '--no-deps', '-T', '--entrypoint'];
const RESTORE_SESSIONS = [
  ...['--volume', 'redis-sessions:/data', 'backup', '-c'],
  `${PROGRAMS}/restore.sh redis --name sessions --data-dir /data/restored && rm -rf /data/appendonlydir &&
    mv /data/restored/appendonlydir /data/ && rm -r /data/restored`,
];
/** A round of the service, and a full backup of a small shop into three repositories on a busy machine. */
const BACKUP_DEADLINE_MS = 240_000;
const WAL_DEADLINE_MS = 120_000;
const METRICS_DEADLINE_MS = 90_000;

/**
 * The stack with compose.backup.yml: it backs itself up, also after a failover, and when the volumes of all three servers
 * are lost, what docs/operations.md says brings every order back, also those that no backup but only the WAL has.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {string} image that of the backups
 */
export async function rehearseBackups(stage, image) {
  const { rehearsal, project, env, client, shop } = stage;
  const { say, goal, leftOut } = rehearsal;
  /** @type {{ id: string, when: string }[]} */
  const orders = [];
  const order = async (/** @type {string} */ when) => {
    const answer = await client.placeOrder(shop);
    goal(answer.status === 201, `an order ${when}: ${String(answer.status)} ${codeOf(answer)}`.trim());
    orders.push({ id: String(answer.body['id']), when });
  };
  const backup = (/** @type {string[]} */ ...args) =>
    project.compose('exec', '-T', 'backup', `${PROGRAMS}/backup-service.sh`, ...args);
  const fullBackups = (/** @type {string} */ list) => (list.match(/full backup: /g) ?? []).length;
  const walIsArchived = async (/** @type {string} */ server) => {
    const segment = await sql(project, server, 'SELECT pg_walfile_name(pg_switch_wal())');
    const done = `SELECT last_archived_wal >= '${segment}' FROM pg_stat_archiver`;
    await until(
      `${segment} in the archive`,
      WAL_DEADLINE_MS,
      async () => (await sql(project, server, done)) === 't',
      500,
    );
    return segment;
  };
  const primary = () =>
    /^caudal = host=(\S+)/m.exec(
      readFileSync(join(project.directory, 'deployment/docker/pgbouncer/pgbouncer.ini'), 'utf8'),
    )?.[1] ?? '';

  await order('before there is a backup');
  for (const { name, source, what, services } of await project.extend('backup', { BACKUP_IMAGE: image }))
    if (source === 'none' && services.includes('backup-metrics'))
      leftOut(`backup-metrics (${name}: ${what})`);
  say('up --wait with compose.backup.yml');
  await project.compose(...UP, ...SERVERS);
  await project.up();
  client.forgetConnections();
  const list = await backup('list');
  goal(
    fullBackups(list) === 3 && /main-.*\.rdb\.gpg[^]*sessions-.*\.rdb\.gpg/.test(list),
    'it is healthy when there are a daily, a weekly and a monthly backup and snapshots of main and sessions',
  );
  await order('after the backup');
  const old = primary();
  goal(true, `${old} has archived ${await walIsArchived(old)}`);

  const next = SERVERS.find((server) => server !== old) ?? '';
  const { code } = await runHostScript(project, env, 'failover.sh', ['--force', '--to', next]);
  goal(code === 0 && primary() === next, `failover.sh with the overlay: ${old} -> ${primary()}`);
  await until(
    'the backup of the new primary',
    BACKUP_DEADLINE_MS,
    async () => fullBackups(await backup('list')) > 3,
    1_000,
  );
  goal(true, `the service backs ${next} up by itself`);
  await order('after the failover and its backup');
  goal(true, `${next} archives: ${await walIsArchived(next)}`);
  if (project.services.includes('backup-metrics')) {
    const query = 'time()-backup_last_success_timestamp_seconds<600';
    const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(query)}`;
    const isKnown = async () => /"backup":"postgres"/.test(await project.askInside(url));
    await until('the age of the backup in Prometheus', METRICS_DEADLINE_MS, isKnown, 1_000);
    goal(true, 'Prometheus knows how old the backup is');
  }

  say('the containers and the volumes of all three servers are lost');
  // PgBouncer would know the servers by addresses that others of them have afterwards.
  await project.compose('stop', 'app-1', 'app-2', 'app-3', 'worker', 'pgbouncer');
  await project.compose('rm', '--stop', '--force', 'backup', ...SERVERS);
  await project.docker('volume', 'rm', ...SERVERS.map((server) => `${project.name}_${server}`));
  const startedMs = performance.now();
  const restore = [`${PROGRAMS}/restore.sh`, next, 'postgres', '--data-dir', DATA];
  say((await project.compose(...RUN_ONCE, ...restore)).split('\n').at(-1) ?? '');
  await project.compose(...UP, '--no-deps', next);
  for (const server of SERVERS.filter((each) => each !== next)) {
    const joined = await runHostScript(project, env, 'failover.sh', ['--rejoin', server]);
    goal(joined.code === 0, `${server} is a replica of it`);
  }
  await project.compose('stop', 'redis-sessions');
  await project.compose(...RUN_ONCE, '/bin/sh', ...RESTORE_SESSIONS);
  await project.up();
  client.forgetConnections();
  await untilAllAreAsked(stage);
  for (const { id, when } of orders) {
    const { status } = await client.send('GET', `/api/v1/orders/${id}`, { token: shop.token });
    goal(status === 200, `the order ${when} is back: ${String(status)}`);
  }
  await order('after the restore');
  say(`restored within ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
}
