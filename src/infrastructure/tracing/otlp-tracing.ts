import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
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
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Metrics } from '../metrics/index.js';
import { SpanExporter } from './span-exporter.js';
import { parseTraceparent, type RemoteParent } from './traceparent.js';
import { LINKS_MAX, type SpanAttributes, type SpanKind, type TraceSpan, type Tracing } from './tracing.js';

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

/** Records what is linked to something that is recorded, and a share of everything else. */
class RootSampler implements Sampler {
  private readonly ratio: Sampler;

  constructor(ratio: number) {
    this.ratio = new TraceIdRatioBasedSampler(ratio);
  }

  shouldSample(...[context, traceId, name, kind, attributes, links]: Parameters<Sampler['shouldSample']>) {
    return links.length > 0
      ? { decision: SamplingDecision.RECORD_AND_SAMPLED }
      : this.ratio.shouldSample(context, traceId, name, kind, attributes, links);
  }
}

/** The only file that loads OpenTelemetry, itself loaded only when tracing is on. */
export class OtlpTracing implements Tracing {
  private readonly storage = new AsyncLocalStorage<Span | undefined>();
  private readonly exporter: SpanExporter;
  private readonly provider: BasicTracerProvider;
  private readonly tracer: Tracer;

  constructor({ endpoint, headers, sampleRatio, serviceName }: OtlpTracingOptions) {
    this.exporter = new SpanExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, headers });
    this.provider = new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new RootSampler(sampleRatio) }),
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
    const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent));
    return this.start(name, kind, attributes, context);
  }

  startChild(name: string, kind: SpanKind, attributes: SpanAttributes): TraceSpan | null {
    const parent = this.storage.getStore();
    return parent === undefined
      ? null
      : this.start(name, kind, attributes, trace.setSpan(ROOT_CONTEXT, parent));
  }

  startBatch(
    name: string,
    kind: SpanKind,
    attributes: SpanAttributes,
    traceparents: Iterable<string | null>,
  ): TraceSpan | null {
    const present = this.storage.getStore();
    // What one request has caused several times is linked once.
    const links = [...new Set(traceparents)].flatMap((traceparent): Link[] => {
      const parent = parseTraceparent(traceparent);
      return parent?.isSampled === true ? [{ context: contextOf(parent) }] : [];
    });
    if (present === undefined && links.length === 0) return null;
    const context = present === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, present);
    const leftOut = links.splice(LINKS_MAX).length;
    const all = leftOut === 0 ? attributes : { ...attributes, 'caudal.links_left_out': leftOut };
    return this.start(name, kind, all, context, links);
  }

  run<T>(span: TraceSpan, work: () => T): T {
    return span instanceof RecordedSpan ? this.storage.run(span.span, work) : work();
  }

  here(): <T>(work: () => T) => T {
    const span = this.storage.getStore();
    return (work) => this.storage.run(span, work);
  }

  traceparent(): string | null {
    const span = this.storage.getStore();
    if (span === undefined) return null;
    const { traceId, spanId } = span.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  traceId(): string | null {
    return this.storage.getStore()?.spanContext().traceId ?? null;
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
    links: Link[] = [],
  ): TraceSpan | null {
    const options = { kind: KINDS[kind], attributes: { ...attributes }, links };
    const span = this.tracer.startSpan(name, options, context);
    return span.isRecording() ? new RecordedSpan(span) : null;
  }
}

function contextOf({ traceId, spanId, isSampled }: RemoteParent): SpanContext {
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return { traceId, spanId, traceFlags, isRemote: true };
}
