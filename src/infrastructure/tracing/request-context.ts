import { parseTraceparent } from './traceparent.js';

/** What names a request in logs, problem documents and the audit log. */
export interface RequestContext {
  readonly requestId: string;
  /** Of the caller's trace, or of ours; missing when there is neither. */
  readonly traceId?: string;
}

/** What is read of a request; `traceId` is set while tracing is on. */
interface NamedRequest {
  readonly id: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly traceId?: string | null;
}

/**
 * Read where it is needed and handed on as an argument: a store that follows every asynchronous call would
 * be paid by each request, and few of them are ever logged.
 */
export function requestContextOf(request: NamedRequest): RequestContext {
  const traceId = request.traceId ?? parseTraceparent(request.headers['traceparent'])?.traceId;
  return traceId === undefined ? { requestId: request.id } : { requestId: request.id, traceId };
}
