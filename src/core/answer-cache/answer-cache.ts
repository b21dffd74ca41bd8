import { LRUCache } from 'lru-cache';
import { Problem } from '../../common/problem.js';
import type { Clock } from '../../common/clock.js';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';
import { type Answer, makeAnswer, type Representation } from './answer.js';
import type { AnswerCacheMetrics } from './answer-cache.metrics.js';
import type { AnswerStore, StoredAnswer } from './answer-store.js';
import { InvalidationLog } from './invalidation-log.js';

/** What a fill has read: a JSON text or a refusal, the tags it depends on, and as of which position. */
export interface Filling {
  readonly content: string | Problem;
  readonly tags: readonly string[];
  readonly position: WalPosition;
}

/** Reads the answer afresh, on a node that has replayed the floor. Refusals are values, errors are thrown. */
export type Fill = (floor: WalPosition | null) => Promise<Filling>;

/** How the cache learns that it can trust the events; {@link EventStream} is one. */
export interface EventSource {
  readonly isCurrent: boolean;
  /** How often the source has been interrupted; after each, events may have been missed. */
  readonly interruptions: number;
}

export interface AnswerCacheOptions {
  readonly clock: Clock;
  readonly store: AnswerStore;
  readonly events: EventSource;
  /** A position behind which nothing lies that was committed before the call. */
  readonly currentPosition: () => Promise<WalPosition>;
  readonly isDatabaseUnavailable: (error: unknown) => boolean;
  readonly metrics: AnswerCacheMetrics;
  readonly bytesMax: number;
  readonly ttlMs: number;
  /** From 0 to 1, evenly. */
  readonly random?: () => number;
}

/** How long after an invalidation the old answer may still be sent while the new one is being made. */
export const STALE_SERVE_MS = 400;
/** An answer that is invalidated all the time (a flash sale's product) is made anew this often. */
export const REFILL_INTERVAL_MS = 250;
/** Without events an answer counts as true for this long; with STALE_SERVE_MS it lives a second at most. */
export const UNTRACKED_FRESH_MS = 600;
/** An expired answer that nothing has invalidated may be sent this long while the new one is being made. */
export const EXPIRED_SERVE_MS = 5000;
/** When nothing can be read at all, an answer that nothing has invalidated is better than none, for this long. */
const STALE_IF_ERROR_MS = 600_000;
/** Refusals are cheap to make again and are asked for by mistake or by attack: they are kept for a short time. */
export const REFUSAL_TTL_MS = 5000;
/** An answer from a replica that may lag, because no node that does not lag can be had. */
const DEGRADED_FRESH_MS = 1000;
const TAGS_MAX = 100_000;
const TRACKING_RETRY_MS = 1000;
const JITTER = 0.1;
/** What an entry costs beside its bodies: objects, headers, map cells, and a short body's second form. */
const ENTRY_OVERHEAD_BYTES = 2048;
const TAG_OVERHEAD_BYTES = 64;

interface Entry extends StoredAnswer {
  readonly filledAtMs: number;
  readonly expiresAtMs: number;
  /** Counts as fresh until then, whatever is known. */
  readonly trustedUntilMs: number;
  /** Last moment at which it was known to be true. */
  verifiedAtMs: number;
  /** Epoch of the log at which it was last compared with it. */
  checkedEpoch: number;
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
  private readonly log = new InvalidationLog(TAGS_MAX);
  private trackedInterruptions = -1;
  private asked = { interruptions: -1, atMs: -Infinity };

  constructor(private readonly options: AnswerCacheOptions) {
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
    // One further than the event: a read on the writer can report the very position at which a commit is
    // durable and not yet visible. The relay's own writes move the log past it at once.
    for (const tag of tags) this.log.record(tag, position + 1n);
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
    if (nowMs >= entry.trustedUntilMs && !this.isTrue(entry, nowMs)) return false;
    entry.verifiedAtMs = nowMs;
    return true;
  }

  /** Nothing is known that makes the entry false, and we would know. */
  private isTrue(entry: Entry, nowMs: number): boolean {
    if (!this.isTracking(nowMs)) return nowMs - entry.filledAtMs < UNTRACKED_FRESH_MS;
    return !this.isInvalidated(entry);
  }

  private isInvalidated(entry: Entry): boolean {
    const { epoch } = this.log;
    if (entry.checkedEpoch === epoch) return false;
    if (this.log.floorOf(entry.tags) > entry.position) return true;
    entry.checkedEpoch = epoch;
    return false;
  }

  private mayServeStale(entry: Entry, nowMs: number): boolean {
    if (nowMs - entry.verifiedAtMs <= STALE_SERVE_MS) return true;
    return (
      nowMs < entry.expiresAtMs + EXPIRED_SERVE_MS && nowMs >= entry.expiresAtMs && this.isTrue(entry, nowMs)
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
      this.options.clock.monotonicMs() - entry.filledAtMs < STALE_IF_ERROR_MS && !this.isInvalidated(entry)
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
    const { metrics, store } = this.options;
    const before = this.entries.peek(key);
    const floor = this.log.floorOf(before?.tags ?? []);
    if (this.isTracking(startedAtMs)) {
      const shared = await store.read(key);
      if (shared !== null && shared.stored.position >= this.log.floorOf(shared.stored.tags)) {
        metrics.countSharedHit();
        return this.keep(key, shared.stored, startedAtMs, shared.ttlMs);
      }
    }
    metrics.countMiss();
    const { stored, isDegraded } = await this.read(fill, floor);
    const ttlMs =
      (stored.content instanceof Problem
        ? Math.min(REFUSAL_TTL_MS, this.options.ttlMs)
        : this.options.ttlMs) * this.jitter();
    const entry = this.keep(key, stored, startedAtMs, ttlMs, isDegraded);
    // Nobody waits for Redis.
    if (!isDegraded) void store.write(key, stored, ttlMs);
    return entry;
  }

  private async read(fill: Fill, floor: WalPosition): Promise<{ stored: StoredAnswer; isDegraded: boolean }> {
    try {
      let filling = await fill(floor === 0n ? null : floor);
      // The tags are known only now, and one of them may ask for more than the key's last entry did.
      const needed = this.log.floorOf(filling.tags);
      if (needed > floor && filling.position < needed) filling = await fill(needed);
      return { stored: await toStored(filling), isDegraded: false };
    } catch (error) {
      if (floor === 0n || !this.options.isDatabaseUnavailable(error)) throw error;
      // The writer is gone and no replica has what it had: an old answer is all there is.
      this.options.metrics.countDegradedFill();
      return { stored: await toStored(await fill(null)), isDegraded: true };
    }
  }

  private keep(
    key: string,
    stored: StoredAnswer,
    startedAtMs: number,
    ttlMs: number,
    isDegraded = false,
  ): Entry {
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

  /** True while every change since the baseline is known or will be told. */
  private isTracking(nowMs: number): boolean {
    const { events } = this.options;
    if (!events.isCurrent) return false;
    if (this.trackedInterruptions === events.interruptions) return true;
    const { interruptions } = events;
    if (this.asked.interruptions !== interruptions || nowMs - this.asked.atMs >= TRACKING_RETRY_MS) {
      this.asked = { interruptions, atMs: nowMs };
      void this.startTracking(interruptions);
    }
    return false;
  }

  /** What was read before now may have changed unheard: from now on everything is heard. */
  private async startTracking(interruptions: number): Promise<void> {
    try {
      this.log.raiseBaseline(await this.options.currentPosition());
      this.trackedInterruptions = interruptions;
    } catch {
      // Without the writer the position is not known; entries stay short-lived until it is.
    }
  }

  private jitter(): number {
    return 1 + JITTER * (2 * (this.options.random ?? Math.random)() - 1);
  }
}

async function toStored({ content, tags, position }: Filling): Promise<StoredAnswer> {
  return { content: typeof content === 'string' ? await makeAnswer(content) : content, tags, position };
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
