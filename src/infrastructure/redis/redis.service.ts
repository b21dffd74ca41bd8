import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Cluster } from 'ioredis';
import { AppConfig, parseRedisUrl, type RedisTarget } from '../../config/index.js';
import { Logger } from '../logging/index.js';
import { Metrics } from '../metrics/index.js';
import { activeTracing } from '../tracing/index.js';
import { openClient, openSubscription } from './redis-connection.js';
import { registerRedisMetrics } from './redis-metrics.js';
import { REDIS_ROLES, type RedisClient, type RedisRole } from './redis-role.js';
import { RedisSubscriber, type Subscription, type SubscriptionHandlers } from './redis-subscriber.js';
import { RedisTraffic } from './redis-traffic.js';
import { RunIds } from './run-ids.js';
import { traceCommands } from './traced-commands.js';

/** Blocking readers wait this much longer than they asked the server to block. */
const BLOCKING_GRACE_MS = 1000;
/** A subscriber is nobody's request: a pause of the server shorter than this does not break it off. */
const SUBSCRIBER_TIMEOUT_MS = 1000;

/** What the roles with one URL share. */
interface Store {
  /** The first of its roles, under which it is counted. */
  readonly role: RedisRole;
  readonly target: RedisTarget;
  readonly client: RedisClient;
  readonly subscriber: RedisSubscriber;
}

/**
 * The connections to Redis, one client per role; roles with the same URL share one. A role is a single
 * server, a master that sentinels watch over, or a cluster, as its URL says; users need not know which,
 * as long as the keys of one command or script share a hash tag.
 *
 * Every command settles within REDIS_COMMAND_TIMEOUT_MS: there is no offline queue, no retry of a
 * command and no resend of one whose reply was lost, because a caller that was told "failed" must not
 * find its command executed later by us. A hung server costs each caller one deadline, and none once
 * the connection is given up after a second of silence. Reconnection goes on in the background, at most
 * every second, with jitter. Failures are told apart by `isRedisUnavailable`. ADR 0010.
 */
@Injectable()
export class RedisService implements OnApplicationShutdown {
  private readonly stores = new Map<string, Store>();
  private readonly traffic = new Map<RedisRole, RedisTraffic>();
  private readonly blocking = new Set<RedisClient>();
  private readonly runIds = new RunIds();

  constructor(
    private readonly config: AppConfig,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    // A connection that is only made when it is needed is not ready when it is needed.
    for (const role of REDIS_ROLES) {
      const url = this.urlOf(role);
      if (!this.stores.has(url)) this.stores.set(url, this.openStore(url, role));
    }
    registerRedisMetrics(metrics, {
      isReady: (role) => this.isReady(role),
      channelCount: (role) => this.storeOf(role).subscriber.channelCount,
      traffic: this.traffic,
    });
  }

  client(role: RedisRole): RedisClient {
    return this.storeOf(role).client;
  }

  /** The roles that share one server or cluster, by server. */
  sharing(): RedisRole[][] {
    return [...this.stores.values()].map((store) =>
      REDIS_ROLES.filter((role) => this.storeOf(role) === store),
    );
  }

  /** False while a command would fail without being sent. */
  isReady(role: RedisRole): boolean {
    return this.storeOf(role).client.status === 'ready';
  }

  /**
   * The run id of the server process behind the present connection of the role; null while there is
   * none. A restarted server, or another one after a failover, has another run id. In a cluster that of
   * the master which is taken to serve the slot of the key; who trusts a reply because of it compares
   * again behind the reply, since the command may have been redirected.
   */
  runIdOf(role: RedisRole, key: string): string | null {
    return this.runIds.of(this.client(role), key);
  }

  /** A connection of its own for a reader that blocks up to `blockMs`; ends with the service. */
  blockingClient(role: RedisRole, blockMs: number): RedisClient {
    const client = openClient(this.storeOf(role).target, {
      name: `caudal-${role}-blocking`,
      deadlineMs: blockMs + BLOCKING_GRACE_MS,
    });
    // The client of the role says what there is to say.
    client.on('error', () => undefined);
    client.once('end', () => this.blocking.delete(client));
    this.blocking.add(client);
    return client;
  }

  /**
   * Listens on a channel until `close`. All subscriptions of a role share one connection, which
   * reconnects by itself for as long as the service lives. @see SubscriptionHandlers
   */
  subscribe(role: RedisRole, channel: string, handlers: SubscriptionHandlers): Subscription {
    return this.storeOf(role).subscriber.subscribe(channel, handlers);
  }

  /** Round trip in milliseconds. @throws when the server does not answer within the deadline. */
  async ping(role: RedisRole): Promise<number> {
    const start = performance.now();
    await this.client(role).ping();
    return performance.now() - start;
  }

  onApplicationShutdown(): void {
    for (const { client, subscriber } of this.stores.values()) {
      subscriber.close();
      client.disconnect();
    }
    for (const client of this.blocking) client.disconnect();
  }

  private storeOf(role: RedisRole): Store {
    const store = this.stores.get(this.urlOf(role));
    if (store === undefined) throw new Error(`no Redis for the role ${role}`);
    return store;
  }

  private urlOf(role: RedisRole): string {
    const { env } = this.config;
    switch (role) {
      case 'main':
        return env.REDIS_URL;
      case 'rateLimit':
        return env.REDIS_RATE_LIMIT_URL || env.REDIS_URL;
      case 'sessions':
        return env.REDIS_SESSION_URL || env.REDIS_URL;
      case 'cache':
        return env.REDIS_CACHE_URL || env.REDIS_URL;
    }
  }

  private openStore(url: string, role: RedisRole): Store {
    const target = parseRedisUrl(url);
    const traffic = new RedisTraffic();
    this.traffic.set(role, traffic);
    const deadlineMs = this.config.env.REDIS_COMMAND_TIMEOUT_MS;
    const client = openClient(target, { name: `caudal-${role}`, deadlineMs, traffic });
    const tracing = activeTracing();
    if (tracing !== null) traceCommands(client, role, tracing);
    this.runIds.follow(client);
    this.report(client, role, traffic);
    return { role, target, client, subscriber: this.makeSubscriber(role, target, client, traffic) };
  }

  private makeSubscriber(
    role: RedisRole,
    target: RedisTarget,
    client: RedisClient,
    traffic: RedisTraffic,
  ): RedisSubscriber {
    const options = { name: `caudal-${role}-subscriber`, deadlineMs: SUBSCRIBER_TIMEOUT_MS };
    return new RedisSubscriber({
      open: () => {
        const nodes = client instanceof Cluster ? client.nodes('all') : [];
        return openSubscription(
          target,
          options,
          nodes.flatMap(({ options: { host, port } }) =>
            host === undefined || port === undefined ? [] : [{ host, port }],
          ),
        );
      },
      check: async (connection) => {
        if (target.mode !== 'cluster') await connection.ping();
        // A node that is cut off from the others hears nothing, and answers all the same.
        else if (!(await connection.cluster('INFO')).includes('cluster_state:ok'))
          throw new Error('the node is cut off from its cluster');
      },
      onInterruption: () => {
        traffic.interruptions += 1;
        this.logger.warn({ role }, 'a Redis subscription was interrupted');
      },
      onHandlerError: (error, channel) => {
        this.logger.error({ err: error, role, channel }, 'a handler of a Redis subscription failed');
      },
    });
  }

  private report(client: RedisClient, role: RedisRole, traffic: RedisTraffic): void {
    let [wasReady, isDown] = [false, false];
    client.on('error', (error: Error) => {
      if (!isDown)
        this.logger.warn({ role, reason: error.message }, 'Redis is not reachable; running degraded');
      isDown = true;
    });
    client.on('ready', () => {
      if (isDown) this.logger.info({ role }, 'Redis is reachable again');
      if (wasReady) traffic.reconnects += 1;
      [wasReady, isDown] = [true, false];
    });
  }
}
