import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisClient } from './redis-role.js';

interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
}

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
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<Reply> {
    try {
      return this.parse(await client.evalsha(this.sha, keys.length, ...keys, ...args));
    } catch (error) {
      if (isNotLoaded(error)) {
        return this.parse(await client.eval(this.source, keys.length, ...keys, ...args));
      }
      throw error;
    }
  }
  /** Many runs in one round trip; the error of a run stands where its reply would. */
  async runAll(client: RedisClient, calls: readonly ScriptCall[]): Promise<(Reply | Error)[]> {
    const results = await this.send(client, calls);
    const missed = results.flatMap((result, index) => (isNotLoaded(result) ? [index] : []));
    if (missed.length === 0) return results;
    await client.script('LOAD', this.source);
    const repeated = await this.send(
      client,
      missed.flatMap((index) => calls[index] ?? []),
    );
    for (const [position, index] of missed.entries()) results[index] = repeated[position] ?? missing();
    return results;
  }

  private async send(client: RedisClient, calls: readonly ScriptCall[]): Promise<(Reply | Error)[]> {
    const pipeline = client.pipeline();
    for (const { keys, args } of calls) pipeline.evalsha(this.sha, keys.length, ...keys, ...args);
    const replies = (await pipeline.exec()) ?? [];
    return calls.map((_, index) => {
      const [error, reply] = replies[index] ?? [missing(), null];
      return error ?? this.parse(reply);
    });
  }
}

const missing = () => new Error('the pipeline has no reply for a command');

/** A restart or a failover empties the script cache; the script did not run. */
const isNotLoaded = (error: unknown): error is Error =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');
