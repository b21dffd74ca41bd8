// @ts-check
import { connectionsOf } from './capacity-rules.mjs';
import { withoutComments } from './comments.mjs';
import { isApplication } from './compose-colour-rules.mjs';
import { bytes } from './compose-rules.mjs';
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../compose-stack.mjs').Stack} Stack
 */

/** What PostgreSQL keeps for superusers, replication, migrations and backups. */
const CONNECTIONS_RESERVED = 30;
/** While one colour replaces the other, both are there. */
const COLOURS = 2;
/** The rest is for the copy that a rewrite of the append-only file needs, buffers and fragments. */
const REDIS_MEMORY_SHARE_MAX = 0.7;

/**
 * Clients fit into PgBouncer, its pools into any one server, and there is an entry for each replica.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function composeConnections({ services, files }) {
  const ini = files.get('deployment/docker/pgbouncer/pgbouncer.ini') ?? '';
  const conf = files.get('deployment/docker/postgres/postgresql.conf') ?? '';
  const databases = [...ini.matchAll(/^(\w+) = host=(\S+).*?(?:pool_size=(\d+))?\s*$/gm)].map(
    ([, name = '', host = '', size]) => ({
      name,
      host,
      size: Number(size ?? setting(ini, 'default_pool_size') ?? 20),
    }),
  );
  const servers = [...services.keys()].filter((name) => name.startsWith('postgres-'));
  const clients = [...services.values()]
    .filter((service) => isApplication(service) && service.restart !== 'no')
    .reduce(
      (sum, { environment = {} }) =>
        sum + connectionsOf(new Map(Object.entries(environment)), databases.length - 1),
      0,
    );
  const clientsMax = Number(setting(ini, 'max_client_conn') ?? 100);
  const [writer, ...replicas] = databases;
  const needed = (writer?.size ?? 0) + Math.max(0, ...replicas.map(({ size }) => size));
  const serverMax = Number(setting(conf, 'max_connections') ?? 100);
  return found('compose-connections', 'pgbouncer', [
    setting(ini, 'pool_mode') !== 'transaction' && 'pool_mode is not transaction',
    ...servers.map(
      (server) =>
        databases.filter(({ host }) => host === server).length !== 1 && `not one entry leads to ${server}`,
    ),
    ...databases.map(
      ({ name, host }) => !servers.includes(host) && `${name} leads to ${host}, which does not exist`,
    ),
    clients * COLOURS > clientsMax &&
      `max_client_conn is ${String(clientsMax)}, but two colours open up to ${String(clients * COLOURS)} connections`,
    needed > serverMax - CONNECTIONS_RESERVED &&
      `up to ${String(needed)} connections to one PostgreSQL, of which ${String(serverMax)} less ${String(CONNECTIONS_RESERVED)} are to be had`,
  ]);
}

/**
 * An acknowledged order is on two servers, whichever of the three is the primary.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function composePostgres({ services, files }) {
  const conf = files.get('deployment/docker/postgres/postgresql.conf') ?? '';
  const hba = files.get('deployment/docker/postgres/pg_hba.conf') ?? '';
  const servers = [...services].filter(([name]) => name.startsWith('postgres-'));
  const nodes = servers.map(([, { environment = {} }]) => environment['POSTGRES_NODE'] ?? '');
  const standbys = /^'ANY 1 \(([^)]*)\)'$/
    .exec(setting(conf, 'synchronous_standby_names') ?? '')?.[1]
    ?.split(/,\s*/);
  const data = servers.map(([, { volumes = [] }]) =>
    volumes.find((volume) => volume.includes(':/var/lib/postgresql')),
  );
  return found('compose-postgres', 'postgres', [
    servers.length !== 3 && 'there are not three servers',
    nodes.some((node) => standbys?.includes(node) !== true) && 'not every server may be the synchronous one',
    new Set(nodes).size !== nodes.length && 'two servers have one name',
    servers.filter(([, { environment = {} }]) => environment['POSTGRES_PRIMARY_HOST'] === undefined)
      .length !== 1 && 'not one of them is made new',
    data.some((volume) => volume === undefined || /^[./]/.test(volume)) && 'its data are on no volume',
    new Set(data).size !== data.length && 'two servers share a volume',
    !['on', 'remote_apply'].includes(setting(conf, 'synchronous_commit') ?? 'on') &&
      'commits wait for no replica',
    ['fsync', 'full_page_writes'].some((name) => setting(conf, name) === 'off') && 'loses data at a crash',
    (setting(conf, 'max_slot_wal_keep_size') ?? '-1') === '-1' && 'a replica that stays away fills the disk',
    Number(setting(conf, 'max_wal_senders') ?? 10) < 4 && 'has no room for replicas and backups',
    /\b(trust|password|md5)\s*$/m.test(withoutComments(hba)) && 'lets in without a good password',
  ]);
}

/** What each role needs of its server, as the application checks it at its start. */
const REDIS = [
  { service: 'redis-main', file: 'main', isPersistent: true },
  { service: 'redis-rate-limit', file: 'rate-limit', isPersistent: false },
  { service: 'redis-sessions', file: 'sessions', isPersistent: true },
];

/**
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function composeRedis({ services, files }) {
  return REDIS.flatMap(({ service: name, file, isPersistent }) => {
    const conf = files.get(`deployment/docker/redis/${file}.conf`) ?? '';
    const service = services.get(name);
    const volumes = service?.volumes ?? [];
    const limit = bytes(service?.deploy?.resources?.limits?.memory ?? '0');
    const memory = bytes(setting(conf, 'maxmemory') ?? '0');
    return found('compose-redis', name, [
      service === undefined && 'does not exist',
      !volumes.some((volume) => volume.startsWith(`./deployment/docker/redis/${file}.conf:`)) &&
        'has the settings of another role',
      setting(conf, 'maxmemory-policy') !== 'noeviction' && 'evicts what is in use',
      (setting(conf, 'appendonly') === 'yes') !== isPersistent &&
        'keeps too little, or what need not be kept',
      setting(conf, 'appendfsync') === 'no' && 'never writes to the disk by itself',
      isPersistent && !volumes.some((volume) => /^[\w-]+:\/data$/.test(volume)) && 'its file is on no volume',
      memory === 0 && 'has no maxmemory',
      memory > limit * REDIS_MEMORY_SHARE_MAX && 'is killed before it is full',
      setting(conf, 'aclfile') === undefined && 'lets everybody in',
    ]);
  });
}

/**
 * The value of a line `name = value` or `name value`.
 *
 * @param {string} text
 * @param {string} name
 */
function setting(text, name) {
  return new RegExp(`^${name}(?:\\s*=\\s*|\\s+)(.*?)\\s*$`, 'm').exec(text)?.[1];
}
