import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

const RESOLUTION_MS = 10;
const NANOSECONDS_PER_MS = 1e6;
/** Two periods of this length are kept: what is told covers the last one to two of them. */
const PERIOD_MS = 10_000;

type IntervalHistogram = ReturnType<typeof monitorEventLoopDelay>;

/** The process' own numbers. */
export interface Vitals {
  readonly uptimeSeconds: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  /** 99th percentile of the last 10 to 20 s, beyond what the timer asks for. */
  readonly eventLoopDelayP99Ms: number;
}

/** Measures the event loop all the time, and the rest when it is asked. */
@Injectable()
export class ProcessVitals implements OnModuleDestroy {
  private current: IntervalHistogram = startHistogram();
  private previous: IntervalHistogram | null = null;
  private readonly turning: NodeJS.Timeout;

  constructor() {
    this.turning = setInterval(() => {
      this.turn();
    }, PERIOD_MS).unref();
  }

  read(): Vitals {
    const { rss, heapUsed } = process.memoryUsage();
    return {
      uptimeSeconds: Math.floor(process.uptime()),
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      heapLimitBytes: getHeapStatistics().heap_size_limit,
      eventLoopDelayP99Ms: Math.max(delayP99Ms(this.current), delayP99Ms(this.previous)),
    };
  }

  onModuleDestroy(): void {
    clearInterval(this.turning);
    this.current.disable();
    this.previous = null;
  }

  private turn(): void {
    this.current.disable();
    this.previous = this.current;
    this.current = startHistogram();
  }
}

function startHistogram(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return histogram;
}

function delayP99Ms(histogram: IntervalHistogram | null): number {
  if (histogram === null || histogram.count === 0) return 0;
  return Math.max(0, Math.round(histogram.percentile(99) / NANOSECONDS_PER_MS - RESOLUTION_MS));
}
