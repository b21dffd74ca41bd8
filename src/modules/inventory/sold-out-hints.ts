import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { EventStream } from '../../core/events/index.js';
import { STOCK_CHANGED } from './inventory.events.js';
import { StockRepository } from './stock.repository.js';

/** Variants that are known at once; a shop has few that sell out in the same second. */
const REMEMBERED_MAX = 10_000;
/** Variants that one question is about, so that it stays a short one. */
const REFRESHED_MAX = 1000;

/**
 * Variants that this process has just seen sold out, so that the crowd behind the last unit costs no
 * query. It only ever says "none left" or nothing.
 *
 * A hint is believed for SOLD_OUT_HINT_TTL_MS from the moment before the database said so. When buyers
 * still ask for the variant in the second half of that time, one small query for all such variants
 * renews what is true, behind their backs; none of them waits for it. News of returned stock ends a hint
 * at once. Without the database hints run out and the next batch of orders asks.
 */
@Injectable()
export class SoldOutHints implements OnModuleInit {
  private readonly seenMs = new LRUCache<string, number>({ max: REMEMBERED_MAX });
  private readonly ttlMs: number;
  private readonly stale = new Set<string>();
  private isRefreshing = false;

  constructor(
    config: AppConfig,
    private readonly events: EventStream,
    private readonly clock: Clock,
    private readonly stock: StockRepository,
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
    if (seenMs === undefined) return false;
    const ageMs = this.clock.monotonicMs() - seenMs;
    if (ageMs >= this.ttlMs) return false;
    if (ageMs >= this.ttlMs / 2 && this.stale.size < REFRESHED_MAX) {
      this.stale.add(variantId);
      if (!this.isRefreshing) void this.refresh();
    }
    return true;
  }

  /** Never rejects: a hint that cannot be renewed runs out. */
  private async refresh(): Promise<void> {
    this.isRefreshing = true;
    try {
      const variantIds = [...this.stale];
      const startedMs = this.clock.monotonicMs();
      const available = await this.stock.findAvailable(variantIds);
      for (const variantId of variantIds) {
        const units = available.get(variantId);
        if (units === undefined) this.seenMs.delete(variantId);
        else this.observe(variantId, units, startedMs);
        this.stale.delete(variantId);
      }
    } catch {
      this.stale.clear();
    } finally {
      this.isRefreshing = false;
    }
  }
}
