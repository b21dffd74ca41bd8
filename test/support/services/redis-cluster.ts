import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Command, Redis as Connection } from 'ioredis';
import { findFreePort } from '../../../scripts/services/ports.mjs';
import { type Redis, startRedis } from '../../../scripts/services/redis.mjs';
import { StartError } from '../../../scripts/services/start-error.mjs';
import { waitFor } from '../wait-for.js';
import { tlsSettings } from './redis-tls.js';
import type { SharedServices } from './shared-services.js';
import type { TlsFiles } from './tls-files.js';

const SLOTS = 16_384;
const MASTERS = 3;
const START_ATTEMPTS = 5;
/** Above what a busy machine's disk keeps a node from answering: a node that is thought dead is not asked. */
const NODE_TIMEOUT_MS = 3000;
/** Of the cluster's gossip, which takes a few rounds of a second. */
const AGREEMENT_DEADLINE_MS = 60_000;

export interface RedisClusterOptions {
  /** Replicas of each master; 0 by default. */
  readonly replicas?: 0 | 1;
  /** As in redis.conf, for every node. */
  readonly settings?: Record<string, string>;
  /** The nodes talk TLS with clients and with each other; only slots without keys can be moved then. */
  readonly tls?: TlsFiles;
}

/** A real Redis Cluster of three masters on the loopback interface. */
export interface RedisCluster {
  /** For REDIS_URL and its like. */
  readonly url: string;
  /** Masters first, then their replicas in the same order. Each may be frozen, killed and restarted. */
  readonly nodes: readonly Redis[];
  /** The node that serves the key at present, as the cluster itself sees it. */
  nodeOf(key: string): Promise<Redis>;
  /**
   * Moves the slot of the key with everything in it, live, as `redis-cli --cluster reshard` does.
   * `whileMoving` runs when the slot is half way: its first keys are on the new node already. When it
   * returns the nodes agree; the next move could otherwise leave a slot that each of two says the other has.
   */
  moveSlotOf(key: string, to: Redis, whileMoving?: () => Promise<void>): Promise<void>;
  /** Until every node says that the cluster is whole and names the same owners, as of the same epochs. */
  waitUntilAgreed(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedisCluster(
  shared: SharedServices,
  { replicas = 0, settings = {}, tls }: RedisClusterOptions = {},
): Promise<RedisCluster> {
  const ports = new Map<Redis, number>();
  const nodes = await Promise.all(
    Array.from({ length: MASTERS * (1 + replicas) }, async () => {
      const forTls = tls && (await tlsSettings(tls));
      const own = forTls && { ...forTls.settings, 'tls-cluster': 'yes' };
      const node = await startNode(shared, { ...settings, ...own });
      ports.set(node, forTls?.port ?? node.port);
      return node;
    }),
  );
  const admins = new Map(nodes.map((node) => [node, connectTo(node)]));
  const admin = (node: Redis | undefined): Connection => {
    const connection = node && admins.get(node);
    if (connection === undefined) throw new Error('not a node of this cluster');
    return connection;
  };
  const idOf = async (node: Redis): Promise<string> => String(await admin(node).call('CLUSTER', 'MYID'));

  await form(nodes, admin, idOf);
  const waitUntilAgreed = () =>
    waitFor(
      'the nodes to agree',
      async () => {
        const views = await Promise.all(nodes.map((node) => viewOf(admin(node))));
        return views.every((view) => view !== null && view === views[0]);
      },
      AGREEMENT_DEADLINE_MS,
    );
  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}+cluster://${[...ports.values()].map((port) => `127.0.0.1:${String(port)}`).join(',')}`,
    nodes,
    nodeOf: (key) => findOwner(nodes, admin, slotOf(key)),
    moveSlotOf: async (key, to, whileMoving) => {
      const slot = slotOf(key);
      const from = await findOwner(nodes, admin, slot);
      if (from === to) return;
      const [source, target] = [admin(from), admin(to)];
      const [sourceId, targetId] = [await idOf(from), await idOf(to)];
      await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId);
      await source.cluster('SETSLOT', slot, 'MIGRATING', targetId);
      for (let isFirst = true; ; isFirst = false) {
        // Half of the keys first, so that there is a half way.
        const count = isFirst ? Math.ceil((await source.cluster('COUNTKEYSINSLOT', slot)) / 2) : 100;
        const keys = await source.cluster('GETKEYSINSLOT', slot, Math.max(1, count));
        if (keys.length > 0)
          await source.call('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
        if (isFirst) await whileMoving?.();
        else if (keys.length === 0) break;
      }
      // The new owner first: it is then never without one.
      for (const node of [to, from, ...nodes.slice(0, MASTERS)])
        await admin(node)
          .cluster('SETSLOT', slot, 'NODE', targetId)
          .catch(() => undefined);
      await waitUntilAgreed();
    },
    waitUntilAgreed,
    stop: async () => {
      for (const connection of admins.values()) connection.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function slotOf(key: string): number {
  return new Command('get', [key]).getSlot();
}

/** Somebody else may take a free port before the node does, and the second one is ours to choose anew. */
async function startNode(
  shared: SharedServices,
  settings: Record<string, string>,
  attempts = START_ATTEMPTS,
): Promise<Redis> {
  const name = `redis-node-${randomBytes(8).toString('hex')}`;
  try {
    return await startRedis({
      dir: join(shared.directory, name),
      name,
      runDir: shared.runDir,
      server: shared.redisServer,
      settings: {
        'cluster-enabled': 'yes',
        'cluster-config-file': 'nodes.conf',
        // The usual one, 10,000 above the other, would often be above 65,535.
        'cluster-port': String(await findFreePort()),
        'cluster-node-timeout': String(NODE_TIMEOUT_MS),
        ...settings,
      },
    });
  } catch (error) {
    if (!(error instanceof StartError) || attempts === 1) throw error;
    return startNode(shared, settings, attempts - 1);
  }
}

function connectTo(node: Redis): Connection {
  const connection = new Connection(node.url, { maxRetriesPerRequest: null });
  connection.on('error', () => undefined);
  return connection;
}

async function form(
  nodes: readonly Redis[],
  admin: (node: Redis | undefined) => Connection,
  idOf: (node: Redis) => Promise<string>,
): Promise<void> {
  const masters = nodes.slice(0, MASTERS);
  for (const [index, node] of nodes.entries()) {
    const connection = admin(node);
    await connection.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    if (index < MASTERS) {
      const bounds = [index, index + 1].map((part) => Math.round((part * SLOTS) / MASTERS));
      await connection.call('CLUSTER', 'ADDSLOTSRANGE', String(bounds[0]), String((bounds[1] ?? 0) - 1));
    }
    if (index > 0) {
      const busPort = /@(\d+)/.exec(String(await connection.cluster('NODES')))?.[1] ?? '';
      await admin(nodes[0]).call('CLUSTER', 'MEET', '127.0.0.1', String(node.port), busPort);
    }
  }
  const everyNode = async (holds: (connection: Connection) => Promise<boolean>) =>
    (await Promise.all(nodes.map((node) => holds(admin(node))))).every(Boolean);
  await waitFor('the nodes to know each other', () =>
    everyNode(
      async (connection) =>
        String(await connection.cluster('NODES'))
          .trim()
          .split('\n').length === nodes.length,
    ),
  );
  for (const [index, node] of nodes.slice(MASTERS).entries()) {
    const master = masters[index];
    if (master !== undefined) await admin(node).call('CLUSTER', 'REPLICATE', await idOf(master));
  }
  await waitFor('the cluster to be whole', () =>
    everyNode(async (connection) => {
      const info = await connection.cluster('INFO');
      const slots = (await connection.call('CLUSTER', 'SLOTS')) as unknown[][];
      const perRange = 3 + (nodes.length - MASTERS) / MASTERS;
      return (
        info.includes('cluster_state:ok') &&
        slots.length === MASTERS &&
        slots.every((range) => range.length === perRange)
      );
    }),
  );
}

/** Which node has which slots, and as of which epoch, in the eyes of one; null while that is in dispute. */
async function viewOf(node: Connection): Promise<string | null> {
  if (!(await node.cluster('INFO')).includes('cluster_state:ok')) return null;
  const known = String(await node.cluster('NODES'))
    .trim()
    .split('\n')
    .map((line) => {
      const [id = '', , flags = '', , , , epoch = '', , ...slots] = line.split(' ');
      return { id, isMaster: flags.includes('master'), epoch, slots };
    });
  const epochs = known.filter(({ isMaster }) => isMaster).map(({ epoch }) => epoch);
  if (new Set(epochs).size < epochs.length) return null;
  return known
    .map(({ id, epoch, slots }) => [id, epoch, ...slots].join(' '))
    .sort()
    .join('\n');
}

/** The master that more than one node, or the only one left, names for the slot. */
async function findOwner(
  nodes: readonly Redis[],
  admin: (node: Redis | undefined) => Connection,
  slot: number,
): Promise<Redis> {
  const votes = new Map<number, number>();
  for (const node of nodes) {
    const connection = admin(node);
    if (connection.status !== 'ready') continue;
    const ranges = (await connection.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const port = ranges.find(([start, end]) => start <= slot && slot <= end)?.[2][1];
    if (port !== undefined) votes.set(port, (votes.get(port) ?? 0) + 1);
  }
  const [port] = [...votes].sort(([, one], [, other]) => other - one)[0] ?? [];
  const owner = nodes.find((node) => node.port === port);
  if (owner === undefined) throw new Error(`no node serves slot ${String(slot)}`);
  return owner;
}
