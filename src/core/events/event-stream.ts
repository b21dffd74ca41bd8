import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Logger } from '../../infrastructure/logging/index.js';
import { type RedisClient, redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import { activeTracing, type SpanAttributes } from '../../infrastructure/tracing/index.js';
import type { DomainEvent } from './domain-event.js';

export type EventHandler = (event: DomainEvent) => void;

const BLOCK_MS = 1000;
const READ_COUNT = 500;
const RETRY_MS = 200;

/**
 * Every process reads the whole stream of events from the moment it starts, to keep what it holds in
 * memory true. Reading goes on behind the last id after a lost connection, so nothing that Redis still
 * holds is missed. While Redis is away {@link isCurrent} is false, and holders of copies must not trust
 * them for longer than they could without events.
 */
@Injectable()
export class EventStream implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly handlers = new Map<string, EventHandler[]>();
  private readonly tracing = activeTracing();
  private isStopped = false;
  private current = false;
  private interruptionCount = 0;
  private reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly redis: RedisService,
    private readonly logger: Logger,
  ) {}

  /** True while the last read of the stream succeeded. */
  get isCurrent(): boolean {
    return this.current;
  }

  /** Grows whenever reading breaks off: what Redis lost meanwhile is not read later. */
  get interruptions(): number {
    return this.interruptionCount;
  }

  /** Handlers run on the event loop in the order of the stream and must be quick; what one throws is logged. */
  on(type: string, handler: EventHandler): void {
    this.handlers.set(type, [...(this.handlers.get(type) ?? []), handler]);
  }

  onApplicationBootstrap(): void {
    this.reading = this.readUntilStopped(this.redis.blockingClient('main', BLOCK_MS));
  }

  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    await this.reading;
  }

  private async readUntilStopped(client: RedisClient): Promise<void> {
    let lastId: string | null = null;
    while (this.isRunning()) {
      try {
        lastId ??= await this.endOfStream(client);
        const reply: unknown = await client.xread(
          'COUNT',
          READ_COUNT,
          'BLOCK',
          BLOCK_MS,
          'STREAMS',
          redisKeys.events(),
          lastId,
        );
        this.current = true;
        for (const [id, fields] of entriesOf(reply)) {
          lastId = id;
          this.dispatch(fields);
        }
      } catch {
        if (this.current) this.interruptionCount += 1;
        this.current = false;
        if (this.isRunning()) await sleep(RETRY_MS);
      }
    }
    client.disconnect();
  }

  private isRunning(): boolean {
    return !this.isStopped;
  }

  private async endOfStream(client: RedisClient): Promise<string> {
    const [last] = await client.xrevrange(redisKeys.events(), '+', '-', 'COUNT', 1);
    return last?.[0] ?? '0-0';
  }

  /** One span for all handlers of an event that is traced, below what caused it. */
  private dispatch(fields: readonly string[]): void {
    const record: Partial<Record<string, string>> = {};
    for (let i = 0; i + 1 < fields.length; i += 2) record[fields[i] ?? ''] = fields[i + 1];
    const { id = '', type = '', traceparent } = record;
    const handlers = this.handlers.get(type);
    if (handlers === undefined) return;
    const span =
      this.tracing === null || traceparent === undefined
        ? null
        : this.tracing.startRoot('process events', 'consumer', attributesOf(id, type), traceparent);
    if (span === null) this.handle(handlers, record);
    else span.end(this.tracing?.run(span, () => this.handle(handlers, record)));
  }

  /** What the last of those that failed has thrown. */
  private handle(handlers: readonly EventHandler[], record: Partial<Record<string, string>>): unknown {
    const { id = '', type = '', aggregateId = '', payload = '{}', position = '0' } = record;
    let failure: unknown;
    for (const handle of handlers) {
      try {
        handle({
          id,
          type,
          aggregateId,
          payload: JSON.parse(payload) as Record<string, unknown>,
          position: BigInt(position),
        });
      } catch (error) {
        failure = error;
        this.logger.error({ err: error, type }, 'a handler of an event failed');
      }
    }
    return failure;
  }
}

/** By OpenTelemetry's conventions for messaging. */
function attributesOf(id: string, type: string): SpanAttributes {
  return {
    'messaging.system': 'redis',
    'messaging.destination.name': 'events',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.message.id': id,
    'caudal.event_type': type,
  };
}

/** RESP3 answers XREAD with a map, RESP2 with an array of pairs; null when the block ended empty. */
function entriesOf(reply: unknown): [string, string[]][] {
  if (typeof reply !== 'object' || reply === null) return [];
  const entries: unknown = Array.isArray(reply)
    ? (reply as [string, unknown][])[0]?.[1]
    : Object.values(reply)[0];
  return (entries ?? []) as [string, string[]][];
}
