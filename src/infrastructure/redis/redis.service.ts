import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Cluster, Redis } from 'ioredis';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../logging/index.js';
import { Metrics } from '../metrics/index.js';
import { DeadlineRedis, type DeadlineRedisOptions } from './deadline-redis.js';
import { RedisSubscriber, type Subscription, type SubscriptionHandlers } from './redis-subscriber.js';

export const REDIS_ROLES = ['main', 'rateLimit', 'sessions', 'cache'] as const;
export type RedisRole = (typeof REDIS_ROLES)[number];

/** Commands are the same on one server and on a cluster, as long as the keys of one command share a slot. */
export type RedisClient = Redis | Cluster;

/** Blocking readers wait this much longer than they asked the server to block. */
const BLOCKING_GRACE_MS = 1000;
const RUN_ID_RETRY_MS = 200;
/** A subscriber is nobody's request: a pause of the server shorter than this does not break it off. */
const SUBSCRIBER_TIMEOUT_MS = 1000;

/**
 * The connections to Redis, one client per role; roles with the same URL share one.
 *
 * Every command settles within REDIS_COMMAND_TIMEOUT_MS: there is no offline queue, no retry of a
 * command and no resend of one whose reply was lost, because a caller that was told "failed" must not
 * find its command executed later by us. A hung server costs each caller one deadline. Reconnection
 * goes on in the background, at most every second, with jitter.
 */
@Injectable()
export class RedisService implements OnApplicationShutdown {
  private readonly clients = new Map<string, Redis>();
  private readonly blocking = new Set<Redis>();
  private readonly subscribers = new Map<string, RedisSubscriber>();
  private readonly runIds = new Map<Redis, string>();
  private readonly gaps: ReturnType<typeof Metrics.prototype.counter<'role'>>;

  constructor(
    private readonly config: AppConfig,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.gaps = metrics.counter({
      name: 'redis_subscription_interruptions_total',
      help: 'Times that a standing subscription connection was lost',
      labelNames: ['role'],
    });
    metrics.gauge({
      name: 'redis_subscribed_channels',
      help: 'Channels on which the subscriber connection of the role listens',
      labelNames: ['role'],
      collect: (gauge) => {
        for (const role of REDIS_ROLES)
          gauge.set({ role }, this.subscribers.get(this.urlOf(role))?.channelCount ?? 0);
      },
    });
    // A connection that is only made when it is needed is not ready when it is needed.
    for (const role of REDIS_ROLES) this.client(role);
    metrics.gauge({
      name: 'redis_connected',
      help: '1 while the connection of the role is ready for commands',
      labelNames: ['role'],
      collect: (gauge) => {
        for (const role of REDIS_ROLES) gauge.set({ role }, this.isReady(role) ? 1 : 0);
      },
    });
  }

  client(role: RedisRole): RedisClient {
    return this.clientOf(role);
  }

  private clientOf(role: RedisRole): Redis {
    const url = this.urlOf(role);
    let client = this.clients.get(url);
    if (client === undefined) {
      client = this.connect(url, role, this.config.env.REDIS_COMMAND_TIMEOUT_MS);
      this.clients.set(url, client);
    }
    return client;
  }

  isReady(role: RedisRole): boolean {
    return this.clients.get(this.urlOf(role))?.status === 'ready';
  }

  /**
   * The run id of the server process behind the present connection of the role; null while there is
   * none. A restarted server, or another one after a failover, has another run id.
   */
  runIdOf(role: RedisRole): string | null {
    const client = this.clientOf(role);
    return client.status === 'ready' ? (this.runIds.get(client) ?? null) : null;
  }

  /** A connection of its own for a reader that blocks up to `blockMs`; ends with the service. */
  blockingClient(role: RedisRole, blockMs: number): RedisClient {
    const client = this.connect(this.urlOf(role), role, blockMs + BLOCKING_GRACE_MS);
    this.blocking.add(client);
    return client;
  }

  /**
   * Listens on a channel until `close`. All subscriptions of a role share one connection, which
   * reconnects by itself for as long as the service lives. @see SubscriptionHandlers
   */
  subscribe(role: RedisRole, channel: string, handlers: SubscriptionHandlers): Subscription {
    const url = this.urlOf(role);
    let subscriber = this.subscribers.get(url);
    if (subscriber === undefined) {
      subscriber = this.makeSubscriber(url, role);
      this.subscribers.set(url, subscriber);
    }
    return subscriber.subscribe(channel, handlers);
  }

  /** Round trip in milliseconds. @throws when the server does not answer within the deadline. */
  async ping(role: RedisRole): Promise<number> {
    const start = performance.now();
    await this.client(role).ping();
    return performance.now() - start;
  }

  onApplicationShutdown(): void {
    for (const subscriber of this.subscribers.values()) subscriber.close();
    for (const client of [...this.clients.values(), ...this.blocking]) client.disconnect();
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

  private makeSubscriber(url: string, role: RedisRole): RedisSubscriber {
    return new RedisSubscriber({
      open: () =>
        new DeadlineRedis(
          url,
          {
            connectTimeout: 1000,
            enableOfflineQueue: false,
            autoResubscribe: false,
            maxRetriesPerRequest: 0,
            connectionName: `caudal-${role}-subscriber`,
            retryStrategy: () => null,
          },
          SUBSCRIBER_TIMEOUT_MS,
        ),
      check: async (connection) => {
        await connection.ping();
      },
      onInterruption: () => {
        this.gaps.inc({ role });
        this.logger.warn({ role }, 'a Redis subscription was interrupted');
      },
      onHandlerError: (error, channel) => {
        this.logger.error({ err: error, role, channel }, 'a handler of a Redis subscription failed');
      },
    });
  }

  private connect(url: string, role: RedisRole, commandTimeoutMs: number): Redis {
    const options: DeadlineRedisOptions = {
      connectTimeout: 1000,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      enableReadyCheck: true,
      connectionName: `caudal-${role}`,
      retryStrategy: (attempt) => Math.min(1000, 50 * 2 ** Math.min(attempt, 5)) * (0.5 + Math.random() / 2),
      // A replica that was the master answers READONLY until the client reconnects to the new one.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    };
    const client = new DeadlineRedis(url, options, commandTimeoutMs);
    let down = false;
    client.on('error', (error: Error) => {
      if (!down)
        this.logger.warn({ role, reason: error.message }, 'Redis is not reachable; running degraded');
      down = true;
    });
    client.on('close', () => this.runIds.delete(client));
    client.on('ready', () => {
      void this.learnRunId(client);
      if (down) this.logger.info({ role }, 'Redis is reachable again');
      down = false;
    });
    return client;
  }

  private async learnRunId(client: Redis): Promise<void> {
    try {
      const runId = /^run_id:(\w+)/m.exec(await client.info('server'))?.[1];
      if (runId !== undefined && client.status === 'ready') this.runIds.set(client, runId);
    } catch {
      // The connection is gone, and the next one is asked when it is ready, or the server is slow.
      setTimeout(() => {
        if (client.status === 'ready') void this.learnRunId(client);
      }, RUN_ID_RETRY_MS).unref();
    }
  }
}
