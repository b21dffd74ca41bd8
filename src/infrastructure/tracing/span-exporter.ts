import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Metrics } from '../metrics/index.js';

/** The specification's defaults for a batch processor: spans that may wait, and that go out together. */
const QUEUE_MAX = 2048;
const BATCH_MAX = 512;
const INTERVAL_MS = 1000;
/** A collector that needs longer is as good as away. */
const EXPORT_TIMEOUT_MS = 2000;

interface Counts {
  exported: number;
  readonly dropped: Record<'queue-full' | 'export-failed', number>;
}

export interface Collector {
  /** The full URL of its traces. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Buffers finished spans and posts them as OTLP/JSON, one batch at a time and never again after a failure:
 * the next batch finds out whether the collector is back. The library's own processor does not say what it
 * drops.
 */
export class SpanExporter implements SpanProcessor {
  private queue: ReadableSpan[] = [];
  private timer: NodeJS.Timeout | null = null;
  private exporting: Promise<void> | null = null;
  private isClosed = false;
  private readonly counts: Counts = { exported: 0, dropped: { 'queue-full': 0, 'export-failed': 0 } };

  constructor(private readonly collector: Collector) {}

  expose(metrics: Metrics): void {
    const { counts } = this;
    metrics.kept({
      name: 'tracing_spans_exported_total',
      help: 'Spans that the collector has taken',
      type: 'counter',
      read: () => [{ labels: {}, value: counts.exported }],
    });
    metrics.kept({
      name: 'tracing_spans_dropped_total',
      help: 'Spans that are lost',
      type: 'counter',
      read: () => Object.entries(counts.dropped).map(([reason, value]) => ({ labels: { reason }, value })),
    });
    metrics.reading({
      name: 'tracing_spans_waiting',
      help: 'Finished spans that are not exported yet',
      read: () => this.queue.length,
    });
  }

  onStart(): void {
    // A span is of interest when it has ended.
  }

  onEnd(span: ReadableSpan): void {
    if (this.isClosed || this.queue.length >= QUEUE_MAX) {
      this.counts.dropped['queue-full'] += 1;
      return;
    }
    this.queue.push(span);
    if (this.queue.length >= BATCH_MAX) this.exportNext();
    else
      this.timer ??= setTimeout(() => {
        this.exportNext();
      }, INTERVAL_MS).unref();
  }

  async forceFlush(): Promise<void> {
    while (this.queue.length > 0 || this.exporting !== null) {
      this.exportNext();
      await this.exporting;
    }
  }

  /** What does not go out within the timeout of one export is dropped. */
  async shutdown(): Promise<void> {
    this.isClosed = true;
    const late = new Promise<void>((resolve) => setTimeout(resolve, EXPORT_TIMEOUT_MS).unref());
    await Promise.race([this.forceFlush(), late]);
    this.counts.dropped['export-failed'] += this.queue.splice(0).length;
  }

  private exportNext(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.exporting !== null || this.queue.length === 0) return;
    const batch = this.queue.splice(0, BATCH_MAX);
    this.exporting = this.post(batch).then((isTaken) => {
      this.exporting = null;
      if (isTaken) this.counts.exported += batch.length;
      else this.counts.dropped['export-failed'] += batch.length;
      if (this.queue.length > 0 && !this.isClosed)
        this.timer ??= setTimeout(() => {
          this.exportNext();
        }, INTERVAL_MS).unref();
    });
  }

  private async post(batch: ReadableSpan[]): Promise<boolean> {
    try {
      const answer = await fetch(this.collector.url, {
        method: 'POST',
        headers: { ...this.collector.headers, 'Content-Type': 'application/json' },
        body: Buffer.from(JsonTraceSerializer.serializeRequest(batch) ?? new Uint8Array()),
        signal: AbortSignal.timeout(EXPORT_TIMEOUT_MS),
      });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }
}
