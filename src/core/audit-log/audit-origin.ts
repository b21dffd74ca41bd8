import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { activeTracing, parseTraceparent, requestContextOf } from '../../infrastructure/tracing/index.js';
import type { AuthenticatedRequest } from '../access-control/index.js';
import { auditLine } from './audit-entry.js';
import type { AuditAction, AuditActor, AuditOrigin } from './audit-log.js';

/** To be called while the request is worked on: its span is that of the caller. */
export function auditOriginOf(request: FastifyRequest): AuditOrigin {
  const { requestId, traceId = null } = requestContextOf(request);
  const traceparent = activeTracing()?.traceparent() ?? callerOf(request);
  return { requestId, traceId, traceparent, ip: request.ip };
}

function callerOf(request: FastifyRequest): string | null {
  const header = request.headers['traceparent'];
  return typeof header === 'string' && parseTraceparent(header) !== null ? header : null;
}

/** Who stands behind a change, and the request it came with. */
export interface AuditedBy {
  readonly actor: AuditActor;
  readonly origin: AuditOrigin | null;
}

export function auditedBy(request: AuthenticatedRequest): AuditedBy {
  const { principal } = request;
  return {
    actor: principal === undefined ? 'anonymous' : `user:${principal.userId}`,
    origin: auditOriginOf(request),
  };
}

/** A part of the machinery that acts without a request. */
export const auditedBySystem = (name: string): AuditedBy => ({ actor: `system:${name}`, origin: null });

/** {@link auditedBy} of the request, as a parameter of a handler. */
export const Audited = createParamDecorator((_: unknown, context: ExecutionContext): AuditedBy =>
  auditedBy(context.switchToHttp().getRequest<AuthenticatedRequest>()),
);

/**
 * What the audit log says of a change that is committed with an event: goes with it into the outbox as
 * `NewEvent.audit`, in the same statement and transaction.
 */
export function auditNote(action: AuditAction): string {
  return auditLine(action, 'business');
}
