import type { Redis } from 'ioredis';
import { reconnectPauseMs } from './reconnect-pause.js';

export interface SubscriptionHandlers {
  /** Runs on the event loop for each message, in the order of the channel; must be quick. */
  onMessage(message: string): void;
  /**
   * Messages may have been missed. Called when the subscription breaks off (do not trust what only
   * messages keep true), and each time it stands, the first time included (read the present state now:
   * what is published from here on arrives).
   */
  onGap?(): void;
}

export interface Subscription {
  /** True while the server has confirmed the subscription on the present connection. */
  readonly isLive: boolean;
  close(): void;
}

interface Channel {
  isLive: boolean;
  readonly handlers: Set<SubscriptionHandlers>;
}

interface SubscriberOptions {
  /** A connection that does not reconnect by itself; each attempt gets a new one. */
  readonly open: () => Redis;
  /** Rejects when the connection is there but does not deliver: a server that hangs or is cut off from its peers. */
  readonly check: (connection: Redis) => Promise<void>;
  readonly onHandlerError: (error: unknown, channel: string) => void;
  readonly onInterruption: () => void;
}

/** A connection that is silent is found out within this time and the deadline of one command. */
const CHECK_MS = 1000;
const RETRY_MAX_MS = 1000;
const CHUNK = 500;
/** Far above what the product uses; more is a leak. */
const CHANNELS_MAX = 10_000;

/**
 * One connection that listens on any number of channels for everybody who asks. It is opened with the
 * first subscription, and opened again (with jitter, at most every second) for as long as there is one.
 * Nothing is buffered: pub/sub forgets what nobody hears, hence `onGap`.
 */
export class RedisSubscriber {
  private readonly channels = new Map<string, Channel>();
  private connection: Redis | null = null;
  private retry: NodeJS.Timeout | undefined;
  private checks: NodeJS.Timeout | undefined;
  private attempts = 0;
  private isClosed = false;

  constructor(private readonly options: SubscriberOptions) {}

  get channelCount(): number {
    return this.channels.size;
  }

  /** @throws RangeError beyond 10,000 channels. */
  subscribe(name: string, handlers: SubscriptionHandlers): Subscription {
    const channel = this.channels.get(name) ?? this.addChannel(name);
    // One entry for each subscription, also when a caller passes the same handlers twice.
    const entry: SubscriptionHandlers = {
      onMessage: (message) => {
        handlers.onMessage(message);
      },
      onGap: () => handlers.onGap?.(),
    };
    channel.handlers.add(entry);
    if (channel.isLive) {
      queueMicrotask(() => {
        if (channel.handlers.has(entry) && channel.isLive) this.guard(name, () => entry.onGap?.());
      });
    }
    return {
      get isLive() {
        return channel.isLive && channel.handlers.has(entry);
      },
      close: () => {
        if (!channel.handlers.delete(entry) || channel.handlers.size > 0) return;
        this.channels.delete(name);
        channel.isLive = false;
        if (this.connection?.status === 'ready')
          this.connection.unsubscribe(name).catch(() => {
            // The connection is gone, and the subscription with it.
          });
      },
    };
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.retry);
    clearInterval(this.checks);
    this.channels.clear();
    this.connection?.disconnect();
  }

  private addChannel(name: string): Channel {
    if (this.isClosed) throw new Error('the subscriber is closed');
    if (this.channels.size >= CHANNELS_MAX)
      throw new RangeError(`more than ${String(CHANNELS_MAX)} channels are subscribed`);
    const channel: Channel = { isLive: false, handlers: new Set() };
    this.channels.set(name, channel);
    if (this.connection === null && this.retry === undefined) this.open();
    else if (this.connection?.status === 'ready') void this.confirm(this.connection, [name]);
    return channel;
  }

  private open(): void {
    this.retry = undefined;
    const connection = this.options.open();
    this.connection = connection;
    connection.on('error', () => undefined);
    connection.on('message', (name: string, message: string) => {
      for (const handlers of this.channels.get(name)?.handlers ?? [])
        this.guard(name, () => {
          handlers.onMessage(message);
        });
    });
    connection.once('ready', () => void this.confirm(connection, [...this.channels.keys()]));
    connection.once('end', () => {
      this.lose(connection);
    });
    clearInterval(this.checks);
    this.checks = setInterval(() => void this.check(connection), CHECK_MS);
    this.checks.unref();
  }

  private async confirm(connection: Redis, names: readonly string[]): Promise<void> {
    try {
      for (let start = 0; start < names.length; start += CHUNK) {
        const chunk = names.slice(start, start + CHUNK);
        await connection.subscribe(...chunk);
        for (const name of chunk) this.establish(connection, name);
      }
      this.attempts = 0;
    } catch {
      connection.disconnect();
    }
  }

  private establish(connection: Redis, name: string): void {
    const channel = this.channels.get(name);
    if (channel === undefined || connection !== this.connection || channel.isLive) return;
    channel.isLive = true;
    this.announceGap(name, channel);
  }

  private async check(connection: Redis): Promise<void> {
    if (connection !== this.connection || connection.status !== 'ready') return;
    try {
      await this.options.check(connection);
    } catch {
      connection.disconnect();
    }
  }

  private lose(connection: Redis): void {
    if (connection !== this.connection || this.isClosed) return;
    this.connection = null;
    clearInterval(this.checks);
    const interrupted = [...this.channels].filter(([, channel]) => channel.isLive);
    if (interrupted.length > 0) this.options.onInterruption();
    const pauseMs = reconnectPauseMs(this.attempts, RETRY_MAX_MS);
    this.attempts += 1;
    this.retry = setTimeout(() => {
      if (this.channels.size > 0) this.open();
      else this.retry = undefined;
    }, pauseMs);
    this.retry.unref();
    for (const [name, channel] of interrupted) {
      channel.isLive = false;
      this.announceGap(name, channel);
    }
  }

  private announceGap(name: string, channel: Channel): void {
    for (const handlers of [...channel.handlers]) this.guard(name, () => handlers.onGap?.());
  }

  /** A handler that throws must not silence the others. */
  private guard(name: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.options.onHandlerError(error, name);
    }
  }
}
