import type { Metrics } from '../metrics/index.js';

export type SpanKind = 'server' | 'client' | 'producer' | 'consumer' | 'internal';
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** The links that OpenTelemetry keeps of one span unless it is told otherwise. */
export const LINKS_MAX = 128;

/** One piece of work within a trace. Ended once; what comes later is ignored. */
export interface TraceSpan {
  readonly traceId: string;
  /** Added when it is known, such as the status of an answer. */
  set(attributes: SpanAttributes): void;
  /** `error` marks the work as failed; its message is kept, and nothing else of it. */
  end(error?: unknown): void;
}

/**
 * Traces of this process, exported as OTLP over HTTP. There is one, or none: `activeTracing()` is null
 * unless an endpoint is configured. Whoever makes spans asks for it once, when it wires itself, so that
 * without tracing there is no wrapper, no context to follow, and OpenTelemetry is not even loaded.
 *
 * Spans that are not sampled cost next to nothing: neither they nor what happens below them is recorded.
 * Finished spans wait in a bounded buffer. A collector that is slow or away costs spans, which are counted
 * (`tracing_spans_dropped_total`), and never a request.
 */
export interface Tracing {
  /** A span at the edge of the process, below the caller's if `traceparent` names one; null if not sampled. */
  startRoot(
    name: string,
    kind: SpanKind,
    attributes: SpanAttributes,
    traceparent?: unknown,
  ): TraceSpan | null;
  /** A span below the one that the caller runs in; null when that is none, or is not sampled. */
  startChild(name: string, kind: SpanKind, attributes: SpanAttributes): TraceSpan | null;
  /**
   * A span of work on many messages at once, linked to what caused them: to each of the `traceparents` that is
   * recorded, up to {@link LINKS_MAX} of them (`caudal.links_left_out` counts the others). It lies below the span
   * that the caller runs in, if there is one, and begins a trace otherwise. Null when nobody records anything.
   */
  startBatch(
    name: string,
    kind: SpanKind,
    attributes: SpanAttributes,
    traceparents: Iterable<string | null>,
  ): TraceSpan | null;
  /** Runs the work, and all that it calls now or later, within the span. */
  run<T>(span: TraceSpan, work: () => T): T;
  /**
   * Runs work as part of what the caller runs in now, or of nothing, whoever sets it off later. Work that goes on
   * as long as there is some would else be part of the first request for ever.
   */
  here(): <T>(work: () => T) => T;
  /** The `traceparent` to send along with what leaves the process; null outside of a span. */
  traceparent(): string | null;
  /** Of the span that the caller runs in; null outside of one. */
  traceId(): string | null;
  expose(metrics: Metrics): void;
  /** Exports what is buffered, within two seconds; nothing is recorded any more. */
  close(): Promise<void>;
}
