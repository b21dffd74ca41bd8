import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Problem } from '../../common/problem.js';
import { AccessTokenVerifier } from './access-token-verifier.js';
import { ACCESS_RULE, type AccessRule } from './access.decorators.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { hasPermission, type Principal } from './principal.js';

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

  /**
   * True when the route is open to the request, whose principal is set then; at once when its token is
   * known already.
   * @throws Problem `AUTHENTICATION_REQUIRED`, `ACCESS_TOKEN_INVALID`, `PERMISSION_DENIED`
   */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    if (request.isAdmitted) return true;
    const rule = this.rules.get(context.getHandler()) ?? this.readRule(context);
    if (rule.kind === 'anonymous') return true;

    const token = bearerToken(request.headers.authorization);
    if (token === null) {
      if (rule.kind === 'optional' && request.headers.authorization === undefined) return true;
      throw new Problem(
        request.headers.authorization === undefined ? 'AUTHENTICATION_REQUIRED' : 'ACCESS_TOKEN_INVALID',
      );
    }
    const proven = this.verifier.verify(token);
    return proven instanceof Promise
      ? proven.then((principal) => authorize(principal, rule, request))
      : authorize(proven, rule, request);
  }

  private readRule(context: ExecutionContext): AccessRule {
    const handler = context.getHandler();
    const rule =
      this.reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, [handler, context.getClass()]) ??
      DEFAULT_RULE;
    this.rules.set(handler, rule);
    return rule;
  }
}

function authorize(principal: Principal | null, rule: AccessRule, request: AuthenticatedRequest): true {
  if (principal === null) throw new Problem('ACCESS_TOKEN_INVALID');
  if (
    rule.kind === 'authenticated' &&
    rule.permission !== null &&
    !hasPermission(principal, rule.permission)
  ) {
    throw new Problem('PERMISSION_DENIED', { extensions: { permission: rule.permission } });
  }
  request.principal = principal;
  return true;
}

const SCHEME = 'bearer ';

/** Whatever follows the scheme: the verifier finds out whether it is a token. */
function bearerToken(header: string | undefined): string | null {
  return header?.slice(0, SCHEME.length).toLowerCase() === SCHEME ? header.slice(SCHEME.length) : null;
}
