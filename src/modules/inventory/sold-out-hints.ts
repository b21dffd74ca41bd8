import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { EventStream } from '../../core/events/index.js';
import { STOCK_CHANGED } from './inventory.events.js';

/** Variants that are known at once; a shop has few that sell out in the same second. */
const REMEMBERED_MAX = 10_000;

/**
 * Variants that this process has just seen sold out, so that the crowd behind the last unit costs no
 * query. A hint lives for SOLD_OUT_HINT_TTL_MS from the moment the database said so, then one batch asks
 * again; news of returned stock ends it earlier. It only ever says "none left" or nothing.
 */
@Injectable()
export class SoldOutHints implements OnModuleInit {
  private readonly seenMs = new LRUCache<string, number>({ max: REMEMBERED_MAX });
  private readonly ttlMs: number;

  constructor(
    config: AppConfig,
    private readonly events: EventStream,
    private readonly clock: Clock,
  ) {
    this.ttlMs = config.env.SOLD_OUT_HINT_TTL_MS;
  }

  onModuleInit(): void {
    this.events.on(STOCK_CHANGED, ({ payload }) => {
      if (Number(payload['available']) > 0) this.seenMs.delete(String(payload['variantId']));
    });
  }

  /** `observedMs` is the monotonic time before the database was asked. */
  observe(variantId: string, available: number, observedMs: number): void {
    if (available > 0) this.seenMs.delete(variantId);
    else if (this.ttlMs > 0) this.seenMs.set(variantId, observedMs);
  }

  isSoldOut(variantId: string): boolean {
    const seenMs = this.seenMs.get(variantId);
    return seenMs !== undefined && this.clock.monotonicMs() - seenMs < this.ttlMs;
  }
}
