import { Problem } from '../../common/problem.js';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';
import { makeAnswer } from './answer.js';
import type { AnswerCacheMetrics } from './answer-cache.metrics.js';
import type { AnswerStore, StoredAnswer } from './answer-store.js';
import type { AnswerTruth } from './answer-truth.js';

/** What a fill has read: a JSON text or a refusal, the tags it depends on, and as of which position. */
export interface Filling {
  readonly content: string | Problem;
  readonly tags: readonly string[];
  readonly position: WalPosition;
}

/** Reads the answer afresh, on a node that has replayed the floor. Refusals are values, errors are thrown. */
export type Fill = (floor: WalPosition | null) => Promise<Filling>;

export interface AnswerReaderOptions {
  readonly store: AnswerStore;
  readonly isDatabaseUnavailable: (error: unknown) => boolean;
  readonly metrics: AnswerCacheMetrics;
  readonly ttlMs: number;
  /** From 0 to 1, evenly. */
  readonly random?: () => number;
}

/** An answer that was read just now, here or by another process. */
export interface AnswerReading {
  readonly stored: StoredAnswer;
  readonly ttlMs: number;
  /** From a node that may lag, because none that does not could be had. */
  readonly isDegraded: boolean;
}

/** Refusals are cheap to make again and are asked for by mistake or by attack: they are kept for a short time. */
export const REFUSAL_TTL_MS = 5000;
const JITTER = 0.1;

/**
 * Gets an answer that is as new as what is known of its tags: the copy in Redis, or a read of the
 * database, which it then shares. Redis is only asked while events are current.
 */
export class AnswerReader {
  constructor(
    private readonly truth: AnswerTruth,
    private readonly options: AnswerReaderOptions,
  ) {}

  /** `knownTags` are those of the key's last answer. @throws what the fill throws. */
  async read(
    key: string,
    fill: Fill,
    knownTags: readonly string[],
    startedAtMs: number,
  ): Promise<AnswerReading> {
    const { metrics, store } = this.options;
    const floor = this.truth.floorOf(knownTags);
    if (this.truth.isTracking(startedAtMs)) {
      const shared = await store.read(key);
      if (shared !== null && shared.stored.position >= this.truth.floorOf(shared.stored.tags)) {
        metrics.countSharedHit();
        return { ...shared, isDegraded: false };
      }
    }
    metrics.countMiss();
    const { stored, isDegraded } = await this.fill(fill, floor);
    const ttlMs = this.ttlOf(stored);
    // Nobody waits for Redis.
    if (!isDegraded) void store.write(key, stored, ttlMs);
    return { stored, ttlMs, isDegraded };
  }

  private async fill(fill: Fill, floor: WalPosition): Promise<{ stored: StoredAnswer; isDegraded: boolean }> {
    try {
      let filling = await fill(floor === 0n ? null : floor);
      // The tags are known only now, and one of them may ask for more than the key's last entry did.
      const needed = this.truth.floorOf(filling.tags);
      if (needed > floor && filling.position < needed) filling = await fill(needed);
      return { stored: await toStored(filling), isDegraded: false };
    } catch (error) {
      if (floor === 0n || !this.options.isDatabaseUnavailable(error)) throw error;
      // The writer is gone and no replica has what it had: an old answer is all there is.
      this.options.metrics.countDegradedFill();
      return { stored: await toStored(await fill(null)), isDegraded: true };
    }
  }

  /** Expiry is spread by a tenth. */
  private ttlOf({ content }: StoredAnswer): number {
    const { ttlMs, random = Math.random } = this.options;
    const wholeMs = content instanceof Problem ? Math.min(REFUSAL_TTL_MS, ttlMs) : ttlMs;
    return wholeMs * (1 + JITTER * (2 * random() - 1));
  }
}

async function toStored({ content, tags, position }: Filling): Promise<StoredAnswer> {
  return { content: typeof content === 'string' ? await makeAnswer(content) : content, tags, position };
}
