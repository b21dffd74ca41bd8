import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Cluster, Command } from 'ioredis';
import { hashTagOf } from './redis-keys.js';
import type { RedisClient } from './redis-role.js';
import { trafficOf } from './redis-traffic.js';

interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
}

/**
 * A Lua script in a file of its own, run by its hash and sent in full when the server has lost it, which
 * a restart, a failover or a new node of a cluster makes happen. How many keys it takes is what its
 * header says; a call with another number, or with keys that would not lie in one slot of a cluster,
 * fails before it is sent, on a single server as well.
 *
 * The reply is what the header of the script says; `parse` turns it into a value of the domain.
 */
export class RedisScript<Reply> {
  private readonly source: string;
  private readonly sha: string;
  private readonly keysMin: number;
  private readonly keysMax: number;
  private readonly isBinary: boolean;

  /** The strings of a binary reply are Buffers. */
  constructor(
    file: URL,
    private readonly parse: (reply: unknown) => Reply,
    { isBinary = false }: { readonly isBinary?: boolean } = {},
  ) {
    this.isBinary = isBinary;
    this.source = readFileSync(file, 'utf8');
    this.sha = createHash('sha1').update(this.source).digest('hex');
    const slots = [...this.source.matchAll(/^-- KEYS\[(\d+)(\.\.n)?\]/gm)];
    const hasRest = slots.some(([, , rest]) => rest !== undefined);
    this.keysMin = hasRest ? slots.length - 1 : slots.length;
    this.keysMax = hasRest ? Infinity : slots.length;
  }

  /** Rejects with a RangeError when the keys cannot go into one call. */
  run(
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<Reply> {
    try {
      this.checkKeys(keys);
    } catch (error) {
      return Promise.reject(toError(error));
    }
    return this.call(client, 'evalsha', this.sha, keys, args).then(this.parse, (error: unknown) =>
      this.runInFull(error, client, keys, args),
    );
  }

  /** Past the methods of the client, which look at the options of every call before they make a command of it. */
  private call(
    client: RedisClient,
    name: 'eval' | 'evalsha',
    script: string,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const command = new Command(name, [script, keys.length, ...keys, ...args], {
      replyEncoding: this.isBinary ? null : 'utf8',
    });
    return client.sendCommand(command) as Promise<unknown>;
  }

  private async runInFull(
    error: unknown,
    client: RedisClient,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<Reply> {
    if (!isNotLoaded(error)) throw error;
    countLoad(client);
    return this.parse(await this.call(client, 'eval', this.source, keys, args));
  }

  /**
   * Many runs, whose keys need share a tag only within each; the error of a run stands where its reply
   * would. One round trip on a single server. In a cluster they go out at once without a pipeline: it
   * takes only keys of one node, and gives back redirects instead of following them.
   */
  async runAll(client: RedisClient, calls: readonly ScriptCall[]): Promise<(Reply | Error)[]> {
    if (client instanceof Cluster)
      return Promise.all(calls.map(({ keys, args }) => this.run(client, keys, args).catch(toError)));
    for (const { keys } of calls) this.checkKeys(keys);
    const results = await this.send(client, calls);
    const missed = results.flatMap((result, index) => (isNotLoaded(result) ? [index] : []));
    if (missed.length === 0) return results;
    countLoad(client);
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
    for (const { keys, args } of calls) {
      if (this.isBinary) pipeline.callBuffer('evalsha', this.sha, keys.length, ...keys, ...args);
      else pipeline.evalsha(this.sha, keys.length, ...keys, ...args);
    }
    const replies = (await pipeline.exec()) ?? [];
    return calls.map((_, index) => {
      const [error, reply] = replies[index] ?? [missing(), null];
      return error ?? this.parse(reply);
    });
  }

  private checkKeys(keys: readonly string[]): void {
    if (keys.length < this.keysMin || keys.length > this.keysMax)
      throw new RangeError(
        `the script takes ${String(this.keysMin)}${this.keysMax === Infinity ? ' or more' : ''} keys, not ${String(keys.length)}`,
      );
    const first = keys[0];
    if (first === undefined || keys.length === 1) return;
    const tag = `{${hashTagOf(first)}}`;
    for (const key of keys)
      if (!key.includes(tag))
        throw new RangeError(`the keys ${first} and ${key} of one script have no hash tag in common`);
  }
}

const missing = () => new Error('the pipeline has no reply for a command');

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

function countLoad(client: RedisClient): void {
  const traffic = trafficOf(client);
  if (traffic !== undefined) traffic.scriptLoads += 1;
}

/** A restart or a failover empties the script cache; the script did not run. */
const isNotLoaded = (error: unknown): error is Error =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');
