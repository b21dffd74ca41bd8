import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig, parseRedisUrl } from '../../config/index.js';
import { Logger } from '../logging/index.js';
import { Metrics } from '../metrics/index.js';
import { DeadlineRedis } from './deadline-redis.js';
import { openClient } from './redis-connection.js';
import { registerRedisMetrics } from './redis-metrics.js';
import { REDIS_ROLES, type RedisClient, type RedisRole } from './redis-role.js';
import { RedisStore } from './redis-store.js';
import type { Subscription, SubscriptionHandlers } from './redis-subscriber.js';
import { RunIds } from './run-ids.js';

/** Blocking readers wait this much longer than they asked the server to block. */
const BLOCKING_GRACE_MS = 1000;
/**
 * The connections to Redis, one client per role; roles with the same URL share one. A role is a single
 * server, a master that sentinels watch over, or a cluster, as its URL says; users need not know which,
 * as long as the keys of one command or script share a hash tag.
 *
 * Every command settles within REDIS_COMMAND_TIMEOUT_MS: there is no offline queue, no retry of a
 * command and no resend of one whose reply was lost, because a caller that was told "failed" must not
 * find its command executed later by us. A hung server costs each caller one deadline, and none once
 * the connection is given up after a second of silence. Reconnection goes on in the background, at most
 * eight times a second, with jitter. Failures are told apart by `isRedisUnavailable`. ADR 0010.
 */
@Injectable()
export class RedisService implements OnApplicationShutdown {
  private readonly stores: readonly RedisStore[];
  /** Asked for at every command. */
  private readonly byRole: Readonly<Record<RedisRole, RedisStore>>;
  /** The sessions of other regions, by region. */
  private readonly remote = new Map<string, RedisStore>();
  private readonly blocking = new Set<RedisClient>();
  private readonly runIds = new RunIds();

  constructor(
    private readonly config: AppConfig,
    logger: Logger,
    metrics: Metrics,
  ) {
    // A connection that is only made when it is needed is not ready when it is needed.
    const { REDIS_COMMAND_TIMEOUT_MS, REDIS_SESSION_REGIONS_TIMEOUT_MS } = config.env;
    const counted = new Map<string, RedisStore>();
    const open = (url: string, label: string, deadlineMs: number): RedisStore => {
      const store = new RedisStore({ target: parseRedisUrl(url), label, deadlineMs }, logger);
      counted.set(label, store);
      return store;
    };
    const byUrl = new Map<string, RedisStore>();
    const openRole = (role: RedisRole): RedisStore => {
      const url = this.urlOf(role);
      const known = byUrl.get(url);
      if (known !== undefined) return known;
      const store = open(url, role, REDIS_COMMAND_TIMEOUT_MS);
      byUrl.set(url, store);
      this.runIds.follow(store.client);
      return store;
    };
    this.byRole = {
      main: openRole('main'),
      rateLimit: openRole('rateLimit'),
      sessions: openRole('sessions'),
      cache: openRole('cache'),
    };
    this.stores = [...byUrl.values()];
    for (const [region, url] of config.otherSessionRegions)
      this.remote.set(region, open(url, `sessions@${region}`, REDIS_SESSION_REGIONS_TIMEOUT_MS));
    registerRedisMetrics(metrics, {
      used: new Map([...REDIS_ROLES.map((role) => [role, this.byRole[role]] as const), ...counted]),
      counted,
    });
  }

  /** The other regions whose sessions this process can reach. */
  get sessionRegions(): readonly string[] {
    return [...this.remote.keys()];
  }

  /** The Redis of the sessions of another region, with a deadline of its own. @throws when none is configured. */
  sessionsOf(region: string): RedisStore {
    const store = this.remote.get(region);
    if (store === undefined) throw new Error(`no Redis for the sessions of ${region}`);
    return store;
  }

  client(role: RedisRole): RedisClient {
    return this.byRole[role].client;
  }

  /** The roles that share one server or cluster, by server. */
  sharing(): RedisRole[][] {
    return this.stores.map((store) => REDIS_ROLES.filter((role) => this.byRole[role] === store));
  }

  /** False while a command would fail without being sent. */
  isReady(role: RedisRole): boolean {
    return this.byRole[role].isReady;
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
    const client = openClient(this.byRole[role].target, {
      name: `caudal-${role}-blocking`,
      deadlineMs: blockMs + BLOCKING_GRACE_MS,
    });
    // The client of the role says what there is to say.
    client.on('error', () => undefined);
    client.on('end', () => {
      if (!(client instanceof DeadlineRedis) || client.isClosed) this.blocking.delete(client);
    });
    this.blocking.add(client);
    return client;
  }

  /**
   * Listens on a channel until `close`. All subscriptions of a role share one connection, which
   * reconnects by itself for as long as the service lives. @see SubscriptionHandlers
   */
  subscribe(role: RedisRole, channel: string, handlers: SubscriptionHandlers): Subscription {
    return this.byRole[role].subscriber.subscribe(channel, handlers);
  }

  /** Round trip in milliseconds. @throws when the server does not answer within the deadline. */
  async ping(role: RedisRole): Promise<number> {
    const start = performance.now();
    await this.client(role).ping();
    return performance.now() - start;
  }

  onApplicationShutdown(): void {
    for (const store of [...this.stores, ...this.remote.values()]) store.close();
    for (const client of this.blocking) client.disconnect();
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
}
