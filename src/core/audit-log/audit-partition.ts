import { isDatabaseUnavailable } from '../../infrastructure/database/prisma/index.js';
import type { Logger } from '../../infrastructure/logging/index.js';
import { isRedisUnavailable } from '../../infrastructure/redis/index.js';
import { type AuditEntry, LINE_SEPARATOR, parseEntry } from './audit-entry.js';
import { ChainLostError } from './audit-log.errors.js';
import type { AuditMetrics } from './audit-log.metrics.js';
import type { AuditSink, OwnedChain } from './audit-sink.js';
import type { AuditStream, StreamEntry } from './audit-stream.js';

/** Stream entries of one batch: up to 5,000 events, a fifth of a second for PostgreSQL. */
const READ_COUNT = 50;
/** An entry that could not be written so often is taken apart, and what is at fault put aside. */
const DELIVERIES_MAX = 5;

/** An entry that is not what a producer writes. */
class MalformedEntryError extends Error {}

interface Surroundings {
  readonly sink: AuditSink;
  readonly metrics: AuditMetrics;
  readonly logger: Logger;
}

/**
 * Takes one stream to its chain, for the one process that owns both: reads, appends, commits, and only
 * then acknowledges. Whatever is given up half-way stays pending and is read again; what was written
 * already is left out then.
 *
 * A new owner first takes over what its predecessor was given, so that the order of the stream is the order
 * of the chain. Entries can be claimed when they are older than any batch takes; the predecessor, should it
 * still live, is fenced off by the chain.
 */
export class AuditPartition {
  private isRecovered = false;
  /** Entries may be pending with this consumer: also from before this object was made. */
  private hasOwn = true;
  /** What the last look after the stream found in it. */
  private left = Infinity;

  constructor(
    public chain: OwnedChain,
    private readonly stream: AuditStream,
    private readonly around: Surroundings,
  ) {}

  /**
   * One batch. True when there may be more at once.
   * @throws ChainLostError when the partition has another owner; the errors of Redis and PostgreSQL when
   * they are away: call again later.
   */
  async step(): Promise<boolean> {
    try {
      return await this.stepOnce();
    } catch (error) {
      // Perhaps entries were given to us and the answer was lost: those behind them must not go first.
      this.hasOwn = true;
      // Redis has lost its data; what comes from here on is read as soon as there is a group again.
      if (error instanceof Error && error.message.startsWith('NOGROUP')) this.isRecovered = false;
      throw error;
    }
  }

  private async stepOnce(): Promise<boolean> {
    if (!this.isRecovered) await this.recover();
    if (this.hasOwn) return this.stepAgain();
    if (!this.isRecovered) return false;
    const entries = await this.stream.readNew(READ_COUNT);
    if (entries.length > 0) await this.write(entries, false);
    return entries.length === READ_COUNT;
  }

  /** Taken over from its predecessor, and empty when it was last looked after. */
  get isIdle(): boolean {
    return this.isRecovered && !this.hasOwn && this.left === 0;
  }

  /** Takes over what consumers that died since the recovery were given; to be called from time to time. */
  async claimLate(): Promise<void> {
    if (this.isRecovered) await this.claim();
  }

  private async claim(): Promise<void> {
    const { claimed, vanished } = await this.stream.claim(this.chain.leaseMs);
    if (claimed > 0) this.hasOwn = true;
    this.around.metrics.claimed.inc(claimed);
    if (vanished === 0) return;
    this.around.metrics.vanished.inc(vanished);
    this.around.logger.error(
      { chain: this.chain.chain, count: vanished },
      'audit entries vanished from their stream',
    );
  }

  /** Removes what every group has, and tells how far the sink is behind. */
  async tend(): Promise<void> {
    const { metrics } = this.around;
    const labels = { chain: String(this.chain.chain) };
    const { removed, length, pending, oldestAgeMs } = await this.stream.trim();
    this.left = length;
    metrics.trimmed.inc(removed);
    metrics.entries.set(labels, length);
    metrics.pending.set(labels, pending);
    metrics.lag.set(labels, oldestAgeMs / 1000);
  }

  private async recover(): Promise<void> {
    await this.stream.ensureGroup();
    await this.claim();
    this.isRecovered = (await this.stream.pendingElsewhere()) === 0;
    if (this.isRecovered) await this.stream.pruneConsumers(this.chain.leaseMs);
  }

  private async stepAgain(): Promise<boolean> {
    const entries = await this.stream.readAgain(READ_COUNT);
    this.hasOwn = entries.length > 0;
    if (entries.length > 0) await this.write(entries, true);
    return true;
  }

  private async write(entries: readonly StreamEntry[], mayRepeat: boolean): Promise<void> {
    try {
      await this.append(entries.flatMap(linesOf).map(entryOf), mayRepeat);
    } catch (error) {
      if (isOutage(error)) throw error;
      // Whatever happens next, they are ours and not acknowledged.
      this.hasOwn = true;
      await this.isolate(error);
      return;
    }
    await this.acknowledge(entries);
  }

  /** Deliveries are counted by Redis: whoever owns the partition next goes on counting. */
  private async isolate(cause: unknown): Promise<void> {
    const deliveries = await this.stream.deliveries(READ_COUNT);
    const entries = await this.stream.readAgain(READ_COUNT);
    for (const entry of entries) {
      if ((deliveries.get(entry.id) ?? 0) < DELIVERIES_MAX) throw cause;
      for (const line of linesOf(entry)) await this.writeOrBury(line);
      await this.acknowledge([entry]);
    }
  }

  private async writeOrBury(line: string): Promise<void> {
    try {
      await this.append([entryOf(line)], true);
    } catch (error) {
      if (isOutage(error)) throw error;
      await this.stream.bury(line, String(error));
      this.around.metrics.deadLetters.inc();
      this.around.logger.error(
        { chain: this.chain.chain, err: error },
        'an audit entry cannot be written and was put aside',
      );
    }
  }

  private async append(entries: readonly AuditEntry[], mayRepeat: boolean): Promise<void> {
    const { head, duplicates } = await this.around.sink.append(this.chain, entries, mayRepeat);
    this.chain = head;
    this.around.metrics.written.inc({ source: 'stream' }, entries.length - duplicates);
    this.around.metrics.duplicates.inc(duplicates);
  }

  private async acknowledge(entries: readonly StreamEntry[]): Promise<void> {
    await this.stream.acknowledge(entries.map(({ id }) => id));
  }
}

const isOutage = (error: unknown): boolean =>
  error instanceof ChainLostError || isDatabaseUnavailable(error) || isRedisUnavailable(error);

function linesOf({ lines = '' }: StreamEntry): string[] {
  return lines.split(LINE_SEPARATOR);
}

function entryOf(line: string): AuditEntry {
  const entry = parseEntry(line);
  if (entry === null) throw new MalformedEntryError('the entry is not an audit line');
  return entry;
}
