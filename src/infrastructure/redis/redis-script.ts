import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/**
 * A Lua script in a file of its own, run by its hash and loaded again when the server has lost it.
 * The reply is what the header of the script says; `parse` turns it into a value of the domain.
 */
export class RedisScript<Reply> {
  private readonly source: string;
  private readonly sha: string;

  constructor(
    file: URL,
    private readonly parse: (reply: unknown) => Reply,
  ) {
    this.source = readFileSync(file, 'utf8');
    this.sha = createHash('sha1').update(this.source).digest('hex');
  }

  async run(
    client: Redis,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<Reply> {
    try {
      return this.parse(await client.evalsha(this.sha, keys.length, ...keys, ...args));
    } catch (error) {
      // A restart or a failover empties the script cache; the script did not run.
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) {
        return this.parse(await client.eval(this.source, keys.length, ...keys, ...args));
      }
      throw error;
    }
  }
}
