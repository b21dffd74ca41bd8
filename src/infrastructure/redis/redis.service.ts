import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../logging/index.js';
import { Metrics } from '../metrics/index.js';
import { DeadlineRedis, type DeadlineRedisOptions } from './deadline-redis.js';

export const REDIS_ROLES = ['main', 'rateLimit', 'sessions', 'cache'] as const;
export type RedisRole = (typeof REDIS_ROLES)[number];

/** Blocking readers wait this much longer than they asked the server to block. */
const BLOCKING_GRACE_MS = 1000;
const RUN_ID_RETRY_MS = 200;

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
  private readonly runIds = new Map<Redis, string>();

  constructor(
    private readonly config: AppConfig,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
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

  client(role: RedisRole): Redis {
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
    const client = this.client(role);
    return client.status === 'ready' ? (this.runIds.get(client) ?? null) : null;
  }

  /** A connection of its own for a reader that blocks up to `blockMs`; ends with the service. */
  blockingClient(role: RedisRole, blockMs: number): Redis {
    const client = this.connect(this.urlOf(role), role, blockMs + BLOCKING_GRACE_MS);
    this.blocking.add(client);
    return client;
  }

  /** Round trip in milliseconds. @throws when the server does not answer within the deadline. */
  async ping(role: RedisRole): Promise<number> {
    const start = performance.now();
    await this.client(role).ping();
    return performance.now() - start;
  }

  onApplicationShutdown(): void {
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
