import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Tracing, TraceSpan } from '../../infrastructure/tracing/index.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the trace that is recorded; elsewhere null, or missing where tracing is off. */
    traceId?: string | null;
  }
  interface FastifyReply {
    span?: TraceSpan | null;
  }
}

/**
 * Gives every sampled request a span, below that of its caller. Only called when tracing is on: without it
 * requests have no hook of it. What was shed before has no span.
 *
 * Call it before the routes are registered, and behind the hooks that refuse.
 */
export function traceRequests(fastify: FastifyInstance, tracing: Tracing): void {
  fastify.decorateRequest('traceId', null);
  fastify.decorateReply('span', null);
  fastify.addHook('onRequest', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    const attributes = {
      'http.request.method': request.method,
      'http.route': route,
      'caudal.request_id': request.id,
    };
    const name = `${request.method} ${route}`;
    const span = tracing.startRoot(name, 'server', attributes, request.headers['traceparent']);
    if (span === null) {
      done();
      return;
    }
    request.traceId = span.traceId;
    reply.span = span;
    tracing.run(span, done);
  });
  // The body arrives by events of its socket, which belong to nobody.
  fastify.addHook('preValidation', (_request, reply, done) => {
    if (reply.span === null || reply.span === undefined) done();
    else tracing.run(reply.span, done);
  });
  fastify.addHook('onResponse', (_request, reply, done) => {
    endSpan(reply);
    done();
  });
}

/** The request has its answer, or its client is gone. */
export function endSpan(reply: FastifyReply): void {
  const { span } = reply;
  if (span === null || span === undefined) return;
  reply.span = null;
  const { statusCode } = reply;
  const isGone = reply.raw.destroyed && !reply.raw.writableFinished;
  if (!isGone) span.set({ 'http.response.status_code': statusCode });
  if (isGone) span.end(new Error('the client hung up'));
  else if (statusCode >= 500) span.end(new Error(`HTTP ${String(statusCode)}`));
  else span.end();
}
