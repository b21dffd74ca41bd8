import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { Clock } from '../../common/clock.js';

interface Window {
  startMs: number;
  hits: number;
  previousHits: number;
}

export type StorageRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** A storage that can decide without waiting for anybody. */
export interface ImmediateThrottlerStorage extends ThrottlerStorage {
  incrementNow(key: string, ttlMs: number, limit: number): StorageRecord;
}

export function isImmediate(storage: ThrottlerStorage): storage is ImmediateThrottlerStorage {
  return 'incrementNow' in storage;
}

/** Keys of one generation; two are remembered at once. */
const GENERATION_KEYS_MAX = 50_000;

/**
 * Hits per key in this process, as a sliding-window counter: the hits of the present window plus the
 * share of the previous one that the window still covers. Two numbers a key, constant time, bounded.
 * Over-admission in any window is at most that of an uneven previous window. A denied hit is not counted.
 *
 * When a generation is full the one before is forgotten: whoever was not seen during a whole generation.
 * A list ordered by use would forget more exactly, and cost three times as much on every request.
 *
 * Each process counts for itself: a fleet of N admits up to N times the limit.
 */
@Injectable()
export class InMemoryThrottlerStorage implements ImmediateThrottlerStorage {
  private recent = new Map<string, Window>();
  private older = new Map<string, Window>();

  constructor(private readonly clock: Clock) {}

  increment(key: string, ttlMs: number, limit: number): Promise<StorageRecord> {
    return Promise.resolve(this.incrementNow(key, ttlMs, limit));
  }

  incrementNow(key: string, ttlMs: number, limit: number): StorageRecord {
    const nowMs = this.clock.monotonicMs();
    const startMs = nowMs - (nowMs % ttlMs);
    const window = this.recent.get(key) ?? this.remember(key, startMs);
    if (window.startMs !== startMs) {
      window.previousHits = window.startMs === startMs - ttlMs ? window.hits : 0;
      window.hits = 0;
      window.startMs = startMs;
    }

    const remainingShare = 1 - (nowMs - startMs) / ttlMs;
    const used = window.hits + window.previousHits * remainingShare;
    const isBlocked = used + 1 > limit;
    if (!isBlocked) window.hits += 1;

    const secondsToEnd = Math.ceil((startMs + ttlMs - nowMs) / 1000);
    return {
      totalHits: Math.min(limit, Math.ceil(used) + (isBlocked ? 0 : 1)),
      timeToExpire: secondsToEnd,
      isBlocked,
      timeToBlockExpire: isBlocked ? secondsUntilRoom(window, ttlMs, limit, nowMs) : 0,
    };
  }

  private remember(key: string, startMs: number): Window {
    const window = this.older.get(key) ?? { startMs, hits: 0, previousHits: 0 };
    if (this.recent.size >= GENERATION_KEYS_MAX) {
      this.older = this.recent;
      this.recent = new Map();
    }
    this.recent.set(key, window);
    return window;
  }
}

/** Whole seconds until one more hit fits, if nobody else hits. */
function secondsUntilRoom(window: Window, ttlMs: number, limit: number, nowMs: number): number {
  const elapsedMs = nowMs - window.startMs;
  const excess = window.hits + 1 - limit;
  // The previous window's share must shrink to what the present hits leave free; once the present
  // hits alone fill the limit, they in turn have to slide out of the next window.
  const waitMs =
    excess <= 0
      ? ttlMs * (1 - -excess / Math.max(1, window.previousHits)) - elapsedMs
      : ttlMs - elapsedMs + ttlMs * (1 - (limit - 1) / Math.max(1, window.hits));
  return Math.max(1, Math.ceil(waitMs / 1000));
}
