import { redisKeys } from '../../infrastructure/redis/index.js';

/**
 * Sessions lie under this many hash tags, by a keyed hash of their user: few enough that what ended lately is
 * read from all of them in one go, enough to spread over every cluster that sessions need.
 */
const SHARD_COUNT = 16;

/** The names of all shards: one hexadecimal digit each. */
export const SESSION_SHARDS: readonly string[] = Array.from({ length: SHARD_COUNT }, (_, i) =>
  i.toString(16),
);

/** The shard of a routing tag, as encoded in a token. */
function shardOf(tag: string): string {
  return SESSION_SHARDS[(Buffer.from(tag.slice(0, 2), 'base64url')[0] ?? 0) % SHARD_COUNT] ?? '0';
}

/** What the scripts about one user's sessions touch, all in one slot of a cluster. */
export function sessionKeysOf(tag: string): { book: string; ends: string; census: string } {
  const shard = shardOf(tag);
  return {
    book: redisKeys.sessionBook(shard, tag),
    ends: redisKeys.sessionEnds(shard),
    census: redisKeys.sessionCensus(shard),
  };
}
