import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Problem } from '../../common/problem.js';
import { AccessTokenVerifier } from './access-token-verifier.js';
import { ACCESS_RULE, type AccessRule } from './access.decorators.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { hasPermission, type Permission, type Principal } from './principal.js';

const DEFAULT_RULE: AccessRule = { kind: 'authenticated', permission: null };

/** Applies the access rule of each route; a route without a rule demands a valid token. */
@Injectable()
export class AccessGuard implements CanActivate {
  /** Metadata never changes, and looking it up costs a read more than everything else here. */
  private readonly rules = new WeakMap<object, AccessRule>();

  constructor(
    private readonly reflector: Reflector,
    private readonly verifier: AccessTokenVerifier,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.rules.get(context.getHandler()) ?? this.readRule(context);
    if (rule.kind === 'anonymous') return true;
    return this.authenticate(context.switchToHttp().getRequest<AuthenticatedRequest>(), rule);
  }

  /**
   * Whether the route that `handler` answers is open to this request, decided without waiting; the
   * principal is set then. False means: ask the guard; also while the route has not been asked for yet.
   */
  admitsNow(handler: object, request: AuthenticatedRequest): boolean {
    const rule = this.rules.get(handler);
    if (rule === undefined || rule.kind === 'optional') return false;
    if (rule.kind === 'anonymous') return true;
    const token = bearerToken(request.headers.authorization);
    const principal = token === null ? null : this.verifier.recall(token);
    if (principal === null || !grants(principal, rule)) return false;
    request.principal = principal;
    return true;
  }

  private readRule(context: ExecutionContext): AccessRule {
    const handler = context.getHandler();
    const rule =
      this.reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, [handler, context.getClass()]) ??
      DEFAULT_RULE;
    this.rules.set(handler, rule);
    return rule;
  }

  private async authenticate(request: AuthenticatedRequest, rule: AccessRule): Promise<boolean> {
    const token = bearerToken(request.headers.authorization);
    if (token === null) {
      if (rule.kind === 'optional' && request.headers.authorization === undefined) return true;
      throw new Problem(
        request.headers.authorization === undefined ? 'AUTHENTICATION_REQUIRED' : 'ACCESS_TOKEN_INVALID',
      );
    }
    const principal = await this.verifier.verify(token);
    if (principal === null) throw new Problem('ACCESS_TOKEN_INVALID');
    if (rule.kind === 'authenticated' && !grants(principal, rule)) {
      throw new Problem('PERMISSION_DENIED', { extensions: { permission: rule.permission } });
    }
    request.principal = principal;
    return true;
  }
}

function grants(principal: Principal, { permission }: { readonly permission: Permission | null }): boolean {
  return permission === null || hasPermission(principal, permission);
}

function bearerToken(header: string | undefined): string | null {
  const match = header === undefined ? null : /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header);
  return match?.[1] ?? null;
}
