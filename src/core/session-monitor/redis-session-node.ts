import type { Redis } from 'ioredis';
import { redisKeys } from '../../infrastructure/redis/redis-keys.js';
import type { SessionNode } from './session-scan.js';

/** Books of all users in all shards. */
const BOOKS = redisKeys.sessionBook('*', '*');

/** A server as its own connection shows it: in a cluster one master, asked directly. */
export class RedisSessionNode implements SessionNode {
  constructor(private readonly redis: Redis) {}

  async nowMs(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  size(): Promise<number> {
    return this.redis.dbsize();
  }

  async scan(cursor: string, count: number): Promise<{ cursor: string; keys: string[] }> {
    const [next, keys] = await this.redis.scan(cursor, 'MATCH', BOOKS, 'COUNT', count, 'TYPE', 'hash');
    return { cursor: next, keys };
  }

  async readBooks(keys: readonly string[]): Promise<(Record<string, Buffer> | null)[]> {
    const pipeline = this.redis.pipeline();
    for (const key of keys) pipeline.hgetallBuffer(key);
    return (await run(pipeline.exec())).map(([error, fields]) => {
      // The slot has moved to another master since the scan, which shows the book there.
      if (error !== null) return rethrowUnlessMoved(error);
      return fields as Record<string, Buffer>;
    });
  }

  async removeFields(removals: readonly { key: string; fields: readonly string[] }[]): Promise<number> {
    const pipeline = this.redis.pipeline();
    for (const { key, fields } of removals) pipeline.hdel(key, ...fields);
    return (await run(pipeline.exec())).reduce((sum, [error, count]) => {
      if (error !== null) rethrowUnlessMoved(error);
      return sum + (error === null ? Number(count) : 0);
    }, 0);
  }
}

type Replies = [error: Error | null, result: unknown][];

async function run(execution: Promise<Replies | null>): Promise<Replies> {
  const replies = await execution;
  if (replies === null) throw new Error('the pipeline has no replies');
  return replies;
}

function rethrowUnlessMoved(error: Error): null {
  if (/^(MOVED|ASK|TRYAGAIN|WRONGTYPE)\b/.test(error.message)) return null;
  throw error;
}
