import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuditLog, auditOriginOf } from '../../core/audit-log/index.js';
import { FieldEncryption } from '../../core/field-encryption/index.js';

const DIGEST_CHARS = 24;

/**
 * What the audit log says of signing in and out. Waits until the event is safe, and never fails the
 * request. An address that was tried is named by a keyed hash, a session not at all.
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

  async refreshRefused(request: FastifyRequest, reason: string): Promise<void> {
    const action = reason === 'reused' ? 'auth.refresh-reused' : 'auth.refresh-refused';
    await this.record(request, action, 'anonymous', 'auth:refresh', reason);
  }

  async loggedOut(request: FastifyRequest): Promise<void> {
    await this.record(request, 'auth.logged-out', 'anonymous', 'auth:session');
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
