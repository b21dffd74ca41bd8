import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuditLog, type AuditedBy, auditOriginOf } from '../../core/audit-log/index.js';
import { FieldEncryption } from '../../core/field-encryption/index.js';
import type { RotationRefusal } from '../../core/session/index.js';

const DIGEST_CHARS = 24;

/**
 * What the audit log says of signing in and out. Waits until the event is safe, and never fails the
 * request. An address that was tried is named by a keyed hash. Nobody is the actor of a refusal: who shows
 * a used or late token may be its owner or a thief; the resource says whose session it was.
 */
@Injectable()
export class AuthAudit {
  constructor(
    private readonly audit: AuditLog,
    private readonly encryption: FieldEncryption,
  ) {}

  async loggedIn(request: FastifyRequest, userId: string): Promise<void> {
    await this.record(request, 'auth.logged-in', `user:${userId}`, `user:${userId}`);
  }

  async loginRefused(request: FastifyRequest, email: string): Promise<void> {
    await this.record(request, 'auth.login-refused', 'anonymous', this.account(email), 'credentials_invalid');
  }

  async registrationRefused(request: FastifyRequest, email: string): Promise<void> {
    await this.record(request, 'auth.registration-refused', 'anonymous', this.account(email), 'email_taken');
  }

  async refreshRefused(
    request: FastifyRequest,
    { reason, subject }: { reason: RotationRefusal; subject: string | null },
  ): Promise<void> {
    const action = reason === 'reused' ? 'auth.refresh-reused' : 'auth.refresh-refused';
    const resource = subject === null ? 'auth:refresh' : `user:${subject}`;
    await this.record(request, action, 'anonymous', resource, reason);
  }

  async loggedOut(request: FastifyRequest, userId: string): Promise<void> {
    await this.record(request, 'auth.logged-out', `user:${userId}`, `user:${userId}`);
  }

  /** One session of the user's list. Its name is public: access tokens bear it. */
  async sessionEnded(by: AuditedBy, sessionId: string): Promise<void> {
    const action = 'auth.session-ended';
    await this.audit.record({ class: 'security', ...by, action, resource: `session:${sessionId}` });
  }

  async sessionsEnded(by: AuditedBy, userId: string, count: number): Promise<void> {
    const action = 'auth.sessions-ended';
    const resource = `user:${userId}`;
    await this.audit.record({ class: 'security', ...by, action, resource, after: { count } });
  }

  private async record(
    request: FastifyRequest,
    action: string,
    actor: 'anonymous' | `user:${string}`,
    resource: string,
    cause?: string,
  ): Promise<void> {
    const origin = auditOriginOf(request);
    await this.audit.record({ class: 'security', actor, action, resource, cause, origin });
  }

  private account(email: string): string {
    const digest = this.encryption.blindIndex(email.trim().toLowerCase(), 'audit.email');
    return `account:${digest.toString('hex').slice(0, DIGEST_CHARS)}`;
  }
}
