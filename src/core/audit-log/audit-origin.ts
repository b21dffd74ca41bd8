import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuthenticatedRequest } from '../access-control/index.js';
import { auditLine } from './audit-entry.js';
import type { AuditAction, AuditActor, AuditOrigin } from './audit-log.js';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function auditOriginOf(request: FastifyRequest): AuditOrigin {
  const traceparent = request.headers['traceparent'];
  const traceId = typeof traceparent === 'string' ? (TRACEPARENT.exec(traceparent)?.[1] ?? null) : null;
  return { requestId: request.id, traceId, ip: request.ip };
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
