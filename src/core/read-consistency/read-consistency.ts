import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import {
  OptimizedPrismaService,
  type ReadFloor,
  type WalPosition,
} from '../../infrastructure/database/prisma/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { hashTagOf, redisKeys, RedisScript, RedisService } from '../../infrastructure/redis/index.js';
import { AppConfig } from '../../config/index.js';
import { CONSISTENCY_HEADER, ConsistencyTokens } from './consistency-token.js';
import { UnrecordedWrites, type WrittenPosition } from './unrecorded-writes.js';

/** A replica that lags longer than this is of no use to anybody; readers then have fresher ones or the writer. */
const REMEMBERED_SECONDS = 60;
const REMEMBERED_LOCALLY_MAX = 50_000;

const raiseScript = new RedisScript<boolean>(
  new URL('./scripts/position-raise.lua', import.meta.url),
  (reply) => reply === 1,
);

/**
 * Read your writes: remembers the WAL position of each principal's last write for a minute, in Redis
 * and in this process, and tells reads how far a replica must have replayed for that principal. A
 * process that cannot ask Redis reads on the writer, or where the client's own token says that it may: a
 * client that sends `Caudal-Consistency` back vouches that it is of its last write.
 *
 * A write whose position may not have come to Redis is answered only when every replica that this
 * process reads has replayed it, which takes what replication takes, or when Redis has it after all;
 * but at the latest after a second, and pursued in the background for the minute. So another process
 * shows a principal less than it was answered only if both are true:
 * - a replica lags behind that write by more than a second, or is read by that process while this one
 *   has ejected it;
 * - Redis answers that process, but not the one that wrote, or it has lost the position since: a
 *   restart without its data, a failover to a replica that had not received it.
 * It then lasts until the replica has replayed the write or Redis has its position, a minute at most
 * for what the process still pursues.
 */
@Injectable()
export class ReadConsistency {
  private readonly local = new LRUCache<string, WalPosition>({
    max: REMEMBERED_LOCALLY_MAX,
    ttl: REMEMBERED_SECONDS * 1000,
  });

  private readonly unrecorded: UnrecordedWrites;
  private readonly tokens: ConsistencyTokens;
  /** Positions of writes that are about to be recorded; null where only the database can tell. */
  private readonly writers = new Map<string, WalPosition | null>();
  private recording: Promise<void> | null = null;

  constructor(
    private readonly redis: RedisService,
    private readonly database: OptimizedPrismaService,
    config: AppConfig,
    metrics: Metrics,
  ) {
    this.tokens = new ConsistencyTokens(config.secrets.cursorSigningKey);
    this.unrecorded = new UnrecordedWrites({
      max: REMEMBERED_LOCALLY_MAX,
      rememberedMs: REMEMBERED_SECONDS * 1000,
      record: (writes) => this.raise(writes),
      areReplicasPast: (position) => database.areReplicasPast(position),
    });
    metrics.reading({
      name: 'consistency_unrecorded_writes',
      help: 'Principals whose last write Redis may not know and a replica may lack',
      read: () => this.unrecorded.size,
    });
  }

  /**
   * Called after the commit of a write and before its answer is sent. Writes that end in the same turn of
   * the event loop share one statement, which `position` spares, and one Redis round trip.
   */
  recordWrite(principalId: string, position: WalPosition | null = null): Promise<void> {
    const waiting = this.writers.get(principalId);
    // Of two writes in one turn the later one counts, which the database knows.
    this.writers.set(principalId, waiting === undefined ? position : null);
    this.recording ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.recording = null;
        this.record().then(resolve, reject);
      });
    });
    return this.recording;
  }

  private async record(): Promise<void> {
    const writers = [...this.writers];
    this.writers.clear();
    const mustAsk = writers.some(([, position]) => position === null);
    const present = mustAsk ? await this.database.currentPosition() : null;
    const writes = writers.flatMap(([id, position]): WrittenPosition[] => {
      const written = position ?? present;
      return written === null ? [] : [[id, written]];
    });
    for (const [id, position] of writes) {
      const known = this.local.get(id);
      if (known === undefined || known < position) this.local.set(id, position);
    }
    const failed = new Set(await this.raise(writes));
    if (failed.size > 0) await this.unrecorded.settle(writes.filter(([id]) => failed.has(id)));
  }

  /** The principals whose position is not known to be in Redis: one whose reply was lost may be. */
  private async raise(writes: readonly WrittenPosition[]): Promise<string[]> {
    if (!this.redis.isReady('main')) return writes.map(([id]) => id);
    const groups = groupByTag(writes);
    const calls = groups.map((group) => ({
      keys: group.map(([id]) => redisKeys.writePosition(id)),
      args: [REMEMBERED_SECONDS, ...group.map(([, position]) => position.toString())],
    }));
    try {
      const replies = await raiseScript.runAll(this.redis.client('main'), calls);
      return groups.flatMap((group, index) => (replies[index] === true ? [] : group.map(([id]) => id)));
    } catch {
      return writes.map(([id]) => id);
    }
  }

  /** Tells the client of a write how far it went, when this process knows. */
  stamp(reply: HeaderReceiver, principalId: string): void {
    const position = this.local.get(principalId);
    if (position === undefined) return;
    reply.header(CONSISTENCY_HEADER, this.tokens.encode({ timeline: this.database.timeline, position }));
  }

  /**
   * The floor for reads of what the principal owns. `token` is what the client sent of an earlier answer: it
   * raises the floor, and stands in for Redis when that cannot be asked. One that nobody signed is ignored.
   */
  async floorFor(principalId: string, token?: string): Promise<ReadFloor> {
    const told = token === undefined ? null : this.tokens.decode(token);
    if (told !== null) this.database.noteTimeline(told.timeline);
    const known = higher(this.local.get(principalId), told?.position);
    const unknown = told === null ? 'primary' : (known ?? 'primary');
    try {
      if (!this.redis.isReady('main')) return unknown;
      const text = await this.redis.client('main').get(redisKeys.writePosition(principalId));
      return higher(known, text === null ? undefined : BigInt(text)) ?? null;
    } catch {
      return unknown;
    }
  }
}

interface HeaderReceiver {
  header(name: string, value: string): unknown;
}

function higher(one: WalPosition | undefined, other: WalPosition | undefined): WalPosition | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

/** One command carries the writes whose keys share a slot. */
function groupByTag(writes: readonly WrittenPosition[]): WrittenPosition[][] {
  const groups = new Map<string, WrittenPosition[]>();
  for (const write of writes) {
    const tag = hashTagOf(redisKeys.writePosition(write[0]));
    const group = groups.get(tag);
    if (group === undefined) groups.set(tag, [write]);
    else group.push(write);
  }
  return [...groups.values()];
}
