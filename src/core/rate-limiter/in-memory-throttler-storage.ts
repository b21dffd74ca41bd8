import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../common/clock.js';

interface Window {
  startMs: number;
  hits: number;
  previousHits: number;
}

type StorageRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** Addresses that are remembered at once; the least recently seen are forgotten first. */
const TRACKED_KEYS_MAX = 100_000;

/**
 * Hits per key in this process, as a sliding-window counter: the hits of the present window plus the
 * share of the previous one that the window still covers. Two numbers a key, constant time, bounded.
 * Over-admission in any window is at most that of an uneven previous window. A denied hit is not counted.
 *
 * Each process counts for itself: a fleet of N admits up to N times the limit.
 */
@Injectable()
export class InMemoryThrottlerStorage implements ThrottlerStorage {
  private readonly windows = new LRUCache<string, Window>({ max: TRACKED_KEYS_MAX });

  constructor(private readonly clock: Clock) {}

  increment(key: string, ttlMs: number, limit: number): Promise<StorageRecord> {
    const nowMs = this.clock.monotonicMs();
    const startMs = nowMs - (nowMs % ttlMs);
    let window = this.windows.get(key);
    if (window === undefined) {
      window = { startMs, hits: 0, previousHits: 0 };
      this.windows.set(key, window);
    } else if (window.startMs !== startMs) {
      window.previousHits = window.startMs === startMs - ttlMs ? window.hits : 0;
      window.hits = 0;
      window.startMs = startMs;
    }

    const remainingShare = 1 - (nowMs - startMs) / ttlMs;
    const used = window.hits + window.previousHits * remainingShare;
    const isBlocked = used + 1 > limit;
    if (!isBlocked) window.hits += 1;

    const secondsToEnd = Math.ceil((startMs + ttlMs - nowMs) / 1000);
    return Promise.resolve({
      totalHits: Math.min(limit, Math.ceil(used) + (isBlocked ? 0 : 1)),
      timeToExpire: secondsToEnd,
      isBlocked,
      timeToBlockExpire: isBlocked ? secondsUntilRoom(window, ttlMs, limit, nowMs) : 0,
    });
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
