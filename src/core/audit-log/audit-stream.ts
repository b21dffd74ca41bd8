import { type RedisClient, redisKeys, RedisScript } from '../../infrastructure/redis/index.js';

/** The group whose acknowledgement means: committed in PostgreSQL. Others may read beside it. */
const SINK_GROUP = 'sink';

/** The chain of what comes through the outbox; the chains of the streams follow. */
export const OUTBOX_CHAIN = 0;
export const chainOfPartition = (partition: number): number => partition + 1;

const DEAD_LIFE_MS = 30 * 24 * 3_600_000;
const CLAIM_COUNT = 100;

export interface StreamEntry {
  readonly id: string;
  /** Undefined when the entry has no such field: nobody of ours wrote it. */
  readonly lines: string | undefined;
}

export interface Trimmed {
  readonly removed: number;
  readonly length: number;
  readonly pending: number;
  /** Of the oldest entry that is not acknowledged by every group, by Redis' clock; 0 without one. */
  readonly oldestAgeMs: number;
}

const trimScript = new RedisScript<Trimmed>(
  new URL('./scripts/stream-trim.lua', import.meta.url),
  (reply) => {
    const [removed = 0, length = 0, pending = 0, oldestAgeMs = 0] = (reply as unknown[]).map(Number);
    return { removed, length, pending, oldestAgeMs };
  },
);

const pruneScript = new RedisScript<number>(
  new URL('./scripts/consumers-prune.lua', import.meta.url),
  Number,
);

/** One partition's stream as one consumer of the sink's group sees it. */
export class AuditStream {
  private readonly key: string;

  constructor(
    private readonly client: RedisClient,
    private readonly partition: number,
    private readonly consumer: string,
  ) {
    this.key = redisKeys.auditStream(String(partition));
  }

  /** From the beginning of the stream, whoever has made it. */
  async ensureGroup(): Promise<void> {
    try {
      await this.client.xgroup('CREATE', this.key, SINK_GROUP, '0', 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('BUSYGROUP'))) throw error;
    }
  }

  /** Entries that nobody was given yet. */
  readNew(count: number): Promise<StreamEntry[]> {
    return this.read('>', count);
  }

  /** Entries that this consumer was given and has not acknowledged, oldest first; each counts as a delivery. */
  readAgain(count: number): Promise<StreamEntry[]> {
    return this.read('0', count);
  }

  private async read(from: string, count: number): Promise<StreamEntry[]> {
    const reply: unknown = await this.client.xreadgroup(
      'GROUP',
      SINK_GROUP,
      this.consumer,
      'COUNT',
      count,
      'STREAMS',
      this.key,
      from,
    );
    return entriesOf(reply).map(([id, fields]) => ({ id, lines: linesOf(fields) }));
  }

  async acknowledge(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.client.xack(this.key, SINK_GROUP, ...ids);
  }

  /** How often each of this consumer's pending entries was delivered. XAUTOCLAIM and XREADGROUP do not say. */
  async deliveries(count: number): Promise<Map<string, number>> {
    const rows = (await this.client.xpending(this.key, SINK_GROUP, '-', '+', count, this.consumer)) as [
      string,
      string,
      number,
      number,
    ][];
    return new Map(rows.map(([id, , , deliveries]) => [id, deliveries]));
  }

  /**
   * Makes the entries of others that were delivered longer ago than any batch takes this consumer's own, to
   * be read again. Entries that are gone from the stream are reported and leave the group with it.
   */
  async claim(minIdleMs: number): Promise<{ claimed: number; vanished: number }> {
    let cursor = '0-0';
    let [claimed, vanished] = [0, 0];
    do {
      const [next, entries, deleted = []] = (await this.client.xautoclaim(
        this.key,
        SINK_GROUP,
        this.consumer,
        minIdleMs,
        cursor,
        'COUNT',
        CLAIM_COUNT,
      )) as [string, unknown[], unknown[]?];
      claimed += entries.length;
      vanished += deleted.length;
      cursor = next;
    } while (cursor !== '0-0');
    return { claimed, vanished };
  }

  /** Entries that are pending with other consumers. */
  async pendingElsewhere(): Promise<number> {
    const [, , , consumers] = (await this.client.xpending(this.key, SINK_GROUP)) as [
      number,
      string | null,
      string | null,
      [string, string][] | null,
    ];
    return (consumers ?? [])
      .filter(([name]) => name !== this.consumer)
      .reduce((sum, [, count]) => sum + Number(count), 0);
  }

  pruneConsumers(idleMs: number): Promise<number> {
    return pruneScript.run(this.client, [this.key], [SINK_GROUP, idleMs]);
  }

  trim(): Promise<Trimmed> {
    return trimScript.run(this.client, [this.key], []);
  }

  /** Puts what cannot be written where a person can look at it. */
  async bury(text: string, reason: string): Promise<void> {
    const key = redisKeys.auditDead(String(this.partition));
    await this.client.xadd(key, '*', 'lines', text, 'reason', reason.slice(0, 500));
    await this.client.pexpire(key, DEAD_LIFE_MS);
  }
}

/** RESP3 answers with a map, RESP2 with an array of pairs; null when there is nothing. */
function entriesOf(reply: unknown): [string, string[] | null][] {
  if (typeof reply !== 'object' || reply === null) return [];
  const entries: unknown = Array.isArray(reply)
    ? (reply as [string, unknown][])[0]?.[1]
    : Object.values(reply)[0];
  return (entries ?? []) as [string, string[] | null][];
}

function linesOf(fields: readonly string[] | null): string | undefined {
  const position = fields?.indexOf('lines') ?? -1;
  return position === -1 ? undefined : fields?.[position + 1];
}
