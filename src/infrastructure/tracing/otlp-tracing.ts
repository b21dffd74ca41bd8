import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind as OtelSpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Metrics } from '../metrics/index.js';
import { SpanExporter } from './span-exporter.js';
import { parseTraceparent } from './traceparent.js';
import type { SpanAttributes, SpanKind, TraceSpan, Tracing } from './tracing.js';

export interface OtlpTracingOptions {
  /** Base URL of the collector; `/v1/traces` is added, as the specification says. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Share of the traces that begin here and are recorded, 0 to 1. A caller's decision is kept. */
  readonly sampleRatio: number;
  readonly serviceName: string;
}

const KINDS: Readonly<Record<SpanKind, OtelSpanKind>> = {
  server: OtelSpanKind.SERVER,
  client: OtelSpanKind.CLIENT,
  producer: OtelSpanKind.PRODUCER,
  consumer: OtelSpanKind.CONSUMER,
  internal: OtelSpanKind.INTERNAL,
};

class RecordedSpan implements TraceSpan {
  constructor(readonly span: Span) {}

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes({ ...attributes });
  }

  end(error?: unknown): void {
    if (error !== undefined)
      this.span.setStatus({
        code: SpanStatusCode.ERROR,
        message: error instanceof Error ? error.message : '',
      });
    this.span.end();
  }
}

/** The only file that loads OpenTelemetry, itself loaded only when tracing is on. */
export class OtlpTracing implements Tracing {
  private readonly storage = new AsyncLocalStorage<Span>();
  private readonly exporter: SpanExporter;
  private readonly provider: BasicTracerProvider;
  private readonly tracer: Tracer;

  constructor({ endpoint, headers, sampleRatio, serviceName }: OtlpTracingOptions) {
    this.exporter = new SpanExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, headers });
    this.provider = new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
      resource: resourceFromAttributes({ 'service.name': serviceName, 'process.pid': process.pid }),
      spanProcessors: [this.exporter],
    });
    this.tracer = this.provider.getTracer('caudal');
  }

  startRoot(
    name: string,
    kind: SpanKind,
    attributes: SpanAttributes,
    traceparent?: unknown,
  ): TraceSpan | null {
    const parent = parseTraceparent(traceparent);
    const context =
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId: parent.traceId,
            spanId: parent.spanId,
            traceFlags: parent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
            isRemote: true,
          });
    return this.start(name, kind, attributes, context);
  }

  startChild(name: string, kind: SpanKind, attributes: SpanAttributes): TraceSpan | null {
    const parent = this.storage.getStore();
    return parent === undefined
      ? null
      : this.start(name, kind, attributes, trace.setSpan(ROOT_CONTEXT, parent));
  }

  run<T>(span: TraceSpan, work: () => T): T {
    return span instanceof RecordedSpan ? this.storage.run(span.span, work) : work();
  }

  traceparent(): string | null {
    const span = this.storage.getStore();
    if (span === undefined) return null;
    const { traceId, spanId } = span.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  expose(metrics: Metrics): void {
    this.exporter.expose(metrics);
  }

  async close(): Promise<void> {
    await this.exporter.shutdown();
  }

  private start(
    name: string,
    kind: SpanKind,
    attributes: SpanAttributes,
    context: Context,
  ): TraceSpan | null {
    const span = this.tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, context);
    return span.isRecording() ? new RecordedSpan(span) : null;
  }
}
