import type { Metrics } from '../../infrastructure/metrics/index.js';

export interface CacheSize {
  readonly bytes: number;
  readonly entries: number;
}

/** Counting a hit is part of the cheapest request there is. */
export class AnswerCacheMetrics {
  private readonly memoryHits;
  private readonly sharedHits;
  private readonly misses;
  private readonly staleServed;
  private readonly degradedFills;
  private readonly storeFailures;
  private size: () => CacheSize = () => ({ bytes: 0, entries: 0 });

  constructor(metrics: Metrics) {
    const hits = metrics.tallies({
      name: 'cache_hits_total',
      help: 'Answers found ready-made, by where',
      label: 'level',
      values: ['memory', 'redis'],
    });
    this.memoryHits = hits.memory;
    this.sharedHits = hits.redis;
    this.misses = metrics.counter({ name: 'cache_misses_total', help: 'Answers read from the database' });
    this.staleServed = metrics.counter({
      name: 'cache_stale_served_total',
      help: 'Answers sent while, or because, a newer one could not be had yet',
    });
    this.degradedFills = metrics.counter({
      name: 'cache_degraded_fills_total',
      help: 'Answers taken from a replica that may lag, because no other node could be read',
    });
    this.storeFailures = metrics.counter({
      name: 'cache_redis_failures_total',
      help: 'Times that the Redis of the cache failed and was skipped',
    });
    metrics.reading({
      name: 'cache_bytes',
      help: 'Memory that the ready-made answers take, bounded by CACHE_MAX_BYTES',
      read: () => this.size().bytes,
    });
    metrics.reading({
      name: 'cache_entries',
      help: 'Ready-made answers in memory',
      read: () => this.size().entries,
    });
  }

  observeSize(size: () => CacheSize): void {
    this.size = size;
  }

  countMemoryHit(): void {
    this.memoryHits.inc();
  }

  countSharedHit(): void {
    this.sharedHits.inc();
  }

  countMiss(): void {
    this.misses.inc();
  }

  countStaleServed(): void {
    this.staleServed.inc();
  }

  countDegradedFill(): void {
    this.degradedFills.inc();
  }

  countStoreFailure(): void {
    this.storeFailures.inc();
  }
}
