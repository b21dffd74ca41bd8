import { LRUCache } from 'lru-cache';
import { Problem } from '../../common/problem.js';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';
import type { Answer, Representation } from './answer.js';
import { AnswerReader, type AnswerReaderOptions, type AnswerReading, type Fill } from './answer-reader.js';
import type { StoredAnswer } from './answer-store.js';
import { AnswerTruth, type AnswerTruthOptions, type DatedAnswer } from './answer-truth.js';

export interface AnswerCacheOptions extends AnswerTruthOptions, AnswerReaderOptions {
  readonly bytesMax: number;
}

/** How long after an invalidation the old answer may still be sent while the new one is being made. */
export const STALE_SERVE_MS = 400;
/** An answer that is invalidated all the time (a flash sale's product) is made anew this often. */
export const REFILL_INTERVAL_MS = 250;
/** An expired answer that nothing has invalidated may be sent this long while the new one is being made. */
export const EXPIRED_SERVE_MS = 5000;
/** When nothing can be read at all, an answer that nothing has invalidated is better than none, for this long. */
const STALE_IF_ERROR_MS = 600_000;
/** An answer from a replica that may lag, because no node that does not lag can be had. */
const DEGRADED_FRESH_MS = 1000;
/** What an entry costs beside its bodies: objects, headers, map cells, and a short body's second form. */
const ENTRY_OVERHEAD_BYTES = 2048;
const TAG_OVERHEAD_BYTES = 64;

interface Entry extends StoredAnswer, DatedAnswer {
  readonly expiresAtMs: number;
  /** Counts as fresh until then, whatever is known. */
  readonly trustedUntilMs: number;
  /** Last moment at which it was known to be true. */
  verifiedAtMs: number;
  refilledAtMs: number;
}

/**
 * Ready-made answers in memory, over the same in Redis, over a read of the database.
 *
 * Truth is decided by WAL positions. An entry says as of which position it was read and on which tags
 * it depends; an event invalidates tags as of its position. An entry that was read before is sent for at
 * most 400 ms more, while one background refill runs, and a refill only accepts a node, or a copy in
 * Redis, that has the event's position: a lagging replica cannot bring the old answer back. Together
 * with the relay of the events this keeps what is sent under a second behind what is committed.
 *
 * Without current events nobody invalidates: then entries live a second at most and Redis is not asked.
 * After an interruption of the events, and at the start, everything read before the present position is
 * distrusted once. When neither writer nor an up-to-date replica can be read, a lagging replica's answer
 * is taken for a second, and if no node answers, what nothing has invalidated is still sent.
 *
 * Redis, slow or away, is never an error. Bounded in bytes; one refill at a time per key; expiry is
 * spread by a tenth.
 */
export class AnswerCache {
  private readonly entries: LRUCache<string, Entry>;
  private readonly flights = new Map<string, Promise<Entry>>();
  private readonly truth: AnswerTruth;
  private readonly reader: AnswerReader;

  constructor(private readonly options: AnswerCacheOptions) {
    this.truth = new AnswerTruth(options);
    this.reader = new AnswerReader(this.truth, options);
    this.entries = new LRUCache({ maxSize: options.bytesMax });
    options.metrics.observeSize(() => ({ bytes: this.entries.calculatedSize, entries: this.entries.size }));
  }

  /**
   * The answer of the key, at once when it is in memory. Every caller of a key passes an equivalent fill.
   * @throws Problem when the answer is a refusal, and whatever the fill throws when there is no answer.
   */
  get(key: string, fill: Fill): Answer | Promise<Answer> {
    const content = this.inMemory(key, fill);
    if (content === null) return this.load(key, fill);
    if (content instanceof Problem) throw content;
    return content;
  }

  /** The answer when it is in memory and may be sent; null otherwise, also for a refusal. Never throws. */
  getReady(key: string, fill: Fill): Answer | null {
    const content = this.inMemory(key, fill);
    return content instanceof Problem ? null : content;
  }

  /** What depends on one of the tags and was read before the position is not true any more. */
  invalidate(tags: readonly string[], position: WalPosition): void {
    this.truth.invalidate(tags, position);
  }

  private inMemory(key: string, fill: Fill): Answer | Problem | null {
    const entry = this.entries.get(key);
    if (entry === undefined) return null;
    const nowMs = this.options.clock.monotonicMs();
    if (this.isFresh(entry, nowMs)) {
      this.options.metrics.countMemoryHit();
      return entry.content;
    }
    if (!this.mayServeStale(entry, nowMs)) return null;
    if (nowMs - entry.refilledAtMs >= REFILL_INTERVAL_MS) {
      entry.refilledAtMs = nowMs;
      // A failed refill leaves the entry as it is; the next caller tries again.
      this.flightOf(key, fill).catch(() => undefined);
    }
    this.options.metrics.countStaleServed();
    return entry.content;
  }

  private isFresh(entry: Entry, nowMs: number): boolean {
    if (nowMs >= entry.expiresAtMs) return false;
    if (nowMs >= entry.trustedUntilMs && !this.truth.isTrue(entry, nowMs)) return false;
    entry.verifiedAtMs = nowMs;
    return true;
  }

  private mayServeStale(entry: Entry, nowMs: number): boolean {
    if (nowMs - entry.verifiedAtMs <= STALE_SERVE_MS) return true;
    return (
      nowMs < entry.expiresAtMs + EXPIRED_SERVE_MS &&
      nowMs >= entry.expiresAtMs &&
      this.truth.isTrue(entry, nowMs)
    );
  }

  private async load(key: string, fill: Fill): Promise<Answer> {
    // A second round only for a refill that began long ago and was overtaken by an event meanwhile.
    for (let round = 1; ; round += 1) {
      try {
        const entry = await this.flightOf(key, fill);
        const nowMs = this.options.clock.monotonicMs();
        if (round === 2 || this.isFresh(entry, nowMs) || nowMs - entry.refilledAtMs <= STALE_SERVE_MS)
          return contentOf(entry);
      } catch (error) {
        const entry = this.entries.peek(key);
        if (error instanceof Problem || entry === undefined || !this.mayReplaceError(entry)) throw error;
        this.options.metrics.countStaleServed();
        return contentOf(entry);
      }
    }
  }

  private mayReplaceError(entry: Entry): boolean {
    return (
      this.options.clock.monotonicMs() - entry.filledAtMs < STALE_IF_ERROR_MS &&
      !this.truth.isInvalidated(entry)
    );
  }

  private flightOf(key: string, fill: Fill): Promise<Entry> {
    let flight = this.flights.get(key);
    if (flight === undefined) {
      flight = this.refill(key, fill, this.options.clock.monotonicMs()).finally(() =>
        this.flights.delete(key),
      );
      this.flights.set(key, flight);
    }
    return flight;
  }

  private async refill(key: string, fill: Fill, startedAtMs: number): Promise<Entry> {
    const knownTags = this.entries.peek(key)?.tags ?? [];
    return this.keep(key, await this.reader.read(key, fill, knownTags, startedAtMs), startedAtMs);
  }

  private keep(key: string, { stored, ttlMs, isDegraded }: AnswerReading, startedAtMs: number): Entry {
    const entry: Entry = {
      ...stored,
      filledAtMs: startedAtMs,
      expiresAtMs: startedAtMs + ttlMs,
      trustedUntilMs: isDegraded ? this.options.clock.monotonicMs() + DEGRADED_FRESH_MS : 0,
      verifiedAtMs: startedAtMs,
      checkedEpoch: -1,
      refilledAtMs: startedAtMs,
    };
    this.entries.set(key, entry, { size: sizeOf(key, stored) });
    return entry;
  }
}

function contentOf({ content }: Entry): Answer {
  if (content instanceof Problem) throw content;
  return content;
}

function sizeOf(key: string, { content, tags }: StoredAnswer): number {
  const bodies =
    content instanceof Problem
      ? 0
      : bytesOf(content.identity) + (content.gzip === null ? 0 : bytesOf(content.gzip));
  return bodies + 2 * key.length + tags.length * TAG_OVERHEAD_BYTES + ENTRY_OVERHEAD_BYTES;
}

function bytesOf({ body, payload }: Representation): number {
  return body.length + (typeof payload === 'string' ? payload.length : 0);
}
