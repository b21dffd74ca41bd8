export { type RequestContext, requestContextOf } from './request-context.js';
export { parseTraceparent } from './traceparent.js';
export { activeTracing, startTracing } from './start-tracing.js';
export type { SpanAttributes, SpanKind, TraceSpan, Tracing } from './tracing.js';
