import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import {
  OptimizedPrismaService,
  type ReadFloor,
  type WalPosition,
} from '../../infrastructure/database/prisma/index.js';
import { redisKeys, RedisService } from '../../infrastructure/redis/index.js';

/** A replica that lags longer than this is of no use to anybody; readers then have fresher ones or the writer. */
const REMEMBERED_SECONDS = 60;
const REMEMBERED_LOCALLY_MAX = 50_000;

/**
 * Read your writes: remembers the WAL position of each principal's last write for a minute, in Redis
 * and in this process, and tells reads how far a replica must have replayed for that principal.
 * While Redis is away every such read goes to the writer.
 */
@Injectable()
export class ReadConsistency {
  private readonly local = new LRUCache<string, WalPosition>({
    max: REMEMBERED_LOCALLY_MAX,
    ttl: REMEMBERED_SECONDS * 1000,
  });

  private readonly writers = new Set<string>();
  private recording: Promise<void> | null = null;

  constructor(
    private readonly redis: RedisService,
    private readonly database: OptimizedPrismaService,
  ) {}

  /**
   * Called after the commit of a write and before its answer is sent. Writes that end in the same turn of
   * the event loop share one statement and one Redis round trip.
   */
  recordWrite(principalId: string): Promise<void> {
    this.writers.add(principalId);
    this.recording ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.recording = null;
        this.record().then(resolve, reject);
      });
    });
    return this.recording;
  }

  private async record(): Promise<void> {
    const principalIds = [...this.writers];
    this.writers.clear();
    const position = await this.database.currentPosition();
    for (const id of principalIds) this.local.set(id, position);
    if (!this.redis.isReady('main')) return;
    const pipeline = this.redis.client('main').pipeline();
    for (const id of principalIds) {
      pipeline.set(redisKeys.writePosition(id), position.toString(), 'EX', REMEMBERED_SECONDS);
    }
    // A lost record is no loss of data: readers find Redis away as well and go to the writer.
    await pipeline.exec().catch(() => undefined);
  }

  /** The floor for reads of what the principal owns. */
  async floorFor(principalId: string): Promise<ReadFloor> {
    const local = this.local.get(principalId);
    try {
      if (!this.redis.isReady('main')) return 'primary';
      const text = await this.redis.client('main').get(redisKeys.writePosition(principalId));
      const remote = text === null ? undefined : BigInt(text);
      if (local === undefined || remote === undefined) return local ?? remote ?? null;
      return local > remote ? local : remote;
    } catch {
      return 'primary';
    }
  }
}
