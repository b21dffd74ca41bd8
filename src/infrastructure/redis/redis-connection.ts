import type { ClusterNode } from 'ioredis';
import type { RedisTarget } from '../../config/index.js';
import { DeadlineCluster, type DeadlineClusterOptions } from './deadline-cluster.js';
import { DeadlineRedis, type DeadlineRedisOptions } from './deadline-redis.js';
import { reconnectPauseMs } from './reconnect-pause.js';
import type { RedisClient } from './redis-role.js';
import { countOn, RedisTraffic } from './redis-traffic.js';
import { outliveSecondErrors } from './tls-sockets.js';

export interface ConnectionOptions {
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly deadlineMs: number;
  readonly traffic?: RedisTraffic;
}

const CONNECT_TIMEOUT_MS = 1000;
/** A connection that is given up on because it is silent has nothing left to say. */
const DISCONNECT_TIMEOUT_MS = 100;
const SENTINEL_TIMEOUT_MS = 500;
const RECONNECT_MAX_MS = 250;
/** A moved slot takes one redirect, one that is moving a few; more is a loop. */
const REDIRECTIONS_MAX = 8;
/** A command over keys of which only some have moved waits this long before it asks again. */
const TRY_AGAIN_MS = 10;
/** Moves are learnt from redirects; this finds nodes that came and went while nobody was redirected. */
const SLOTS_REFRESH_MS = 5000;
const SLOTS_REFRESH_TIMEOUT_MS = 500;

/** The library counts attempts from 1. */
const reconnectDelayMs = (attempt: number): number => reconnectPauseMs(attempt - 1, RECONNECT_MAX_MS);

/** A client that reconnects for ever, and follows failovers and moved slots. */
export function openClient(target: RedisTarget, options: ConnectionOptions): RedisClient {
  if (target.isTls) outliveSecondErrors();
  const traffic = options.traffic ?? new RedisTraffic();
  const client =
    target.mode === 'cluster'
      ? openCluster(target, options, traffic)
      : keepTrying(
          new DeadlineRedis(
            { ...serverOptions(target, options.name), retryStrategy: reconnectDelayMs },
            options.deadlineMs,
            traffic,
          ),
        );
  countOn(client, traffic);
  return client;
}

/**
 * A failover that the sentinels announce while the client is asking them for the master ends it for good
 * (the failover detector of the lost connection stops the connector of the next one, ioredis 6.0): a process
 * without Redis until somebody restarts it.
 */
function keepTrying(client: DeadlineRedis): DeadlineRedis {
  client.on('end', () => {
    setTimeout(() => {
      if (!client.isClosed && client.status === 'end') client.connect().catch(() => undefined);
    }, reconnectDelayMs(1)).unref();
  });
  return client;
}

/**
 * A connection for pub/sub that ends when it is lost. In a cluster any node will do, because it hears
 * what is published on the others; `nodes` are those known at present.
 */
export function openSubscription(
  target: RedisTarget,
  options: ConnectionOptions,
  nodes: readonly ClusterNode[],
): DeadlineRedis {
  const known = nodes.length > 0 ? nodes : target.nodes;
  const node = known[Math.floor(Math.random() * known.length)];
  const address = target.mode === 'cluster' && typeof node === 'object' ? node : {};
  return new DeadlineRedis(
    {
      ...serverOptions(target, options.name),
      ...address,
      autoResubscribe: false,
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
    },
    options.deadlineMs,
    new RedisTraffic(),
  );
}

function openCluster(
  target: RedisTarget,
  options: ConnectionOptions,
  traffic: RedisTraffic,
): DeadlineCluster {
  const settings: DeadlineClusterOptions = {
    // Commands that are redirected to a node which is not connected yet may wait for it, within their
    // deadline; DeadlineCluster refuses new ones while the cluster is not ready.
    enableOfflineQueue: true,
    enableReadyCheck: true,
    // Automatic pipelines of a cluster go on failing after a slot has moved (ioredis#2075).
    enableAutoPipelining: false,
    scaleReads: 'master',
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnMoved: 0,
    retryDelayOnTryAgain: TRY_AGAIN_MS,
    // 0 switches the repetition off: the caller is told at once.
    retryDelayOnClusterDown: 0,
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: SLOTS_REFRESH_TIMEOUT_MS,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    clusterRetryStrategy: reconnectDelayMs,
    // The names of a certificate are those of the nodes, not their addresses.
    ...(target.isTls
      ? {
          dnsLookup: (host, callback) => {
            callback(null, host);
          },
        }
      : {}),
    redisOptions: {
      ...commonOptions(target, options.name),
      // A node that is silent for longer than any command may take is dropped, and its slots asked for anew.
      socketTimeout: options.deadlineMs + 1000,
    },
  };
  return new DeadlineCluster([...target.nodes], settings, options.deadlineMs, traffic);
}

function serverOptions(target: RedisTarget, name: string): DeadlineRedisOptions {
  const common: DeadlineRedisOptions = {
    ...commonOptions(target, name),
    enableOfflineQueue: false,
    db: target.database,
  };
  if (target.mode !== 'sentinel') return { ...common, ...target.nodes[0] };
  return {
    ...common,
    sentinels: [...target.nodes],
    name: target.masterName,
    role: 'master',
    // A client of a master that was demoted without being restarted learns of it from the sentinels.
    failoverDetector: true,
    sentinelMaxConnections: 3,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelReconnectStrategy: reconnectDelayMs,
    ...(target.sentinelUsername === '' ? {} : { sentinelUsername: target.sentinelUsername }),
    ...(target.sentinelPassword === '' ? {} : { sentinelPassword: target.sentinelPassword }),
    ...(target.isTls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  };
}

function commonOptions(target: RedisTarget, name: string) {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: true,
    enableAutoPipelining: false,
    connectionName: name,
    // A replica that was the master answers READONLY until the client reconnects to the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(target.username === '' ? {} : { username: target.username }),
    ...(target.password === '' ? {} : { password: target.password }),
    ...(target.isTls ? { tls: {} } : {}),
  };
}
