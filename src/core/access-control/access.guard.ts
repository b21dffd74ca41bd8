import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Problem } from '../../common/problem.js';
import { AccessTokenVerifier } from './access-token-verifier.js';
import { ACCESS_RULE, type AccessRule, FRESH_SESSION } from './access.decorators.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { hasPermission, type Principal } from './principal.js';

const DEFAULT_RULE: AccessRule = { kind: 'authenticated', permission: null };

interface RouteRule {
  readonly access: AccessRule;
  readonly isFreshSessionRequired: boolean;
}

/** Applies the access rule of each route; a route without a rule demands a valid token. */
@Injectable()
export class AccessGuard implements CanActivate {
  /** Metadata never changes, and looking it up costs a read more than everything else here. */
  private readonly rules = new WeakMap<object, RouteRule>();

  constructor(
    private readonly reflector: Reflector,
    private readonly verifier: AccessTokenVerifier,
  ) {}

  /**
   * True when the route is open to the request, whose principal is set then; at once when its token is
   * known already.
   * @throws Problem `AUTHENTICATION_REQUIRED`, `ACCESS_TOKEN_INVALID`, `PERMISSION_DENIED`,
   * `SESSION_STORE_UNAVAILABLE`
   */
  canActivate(context: ExecutionContext): true | Promise<true> {
    // The first argument of a handler; `switchToHttp` finds it as well, and makes four objects a request.
    const request = context.getArgByIndex<AuthenticatedRequest>(0);
    if (request.isAdmitted) return true;
    const rule = this.rules.get(context.getHandler()) ?? this.readRule(context);
    if (rule.access.kind === 'anonymous') return true;

    const token = bearerToken(request.headers.authorization);
    if (token === null) {
      if (rule.access.kind === 'optional' && request.headers.authorization === undefined) return true;
      throw new Problem(
        request.headers.authorization === undefined ? 'AUTHENTICATION_REQUIRED' : 'ACCESS_TOKEN_INVALID',
      );
    }
    const proven = this.verifier.verify(token);
    return proven instanceof Promise
      ? proven.then((principal) => this.authorize(principal, rule, request))
      : this.authorize(proven, rule, request);
  }

  private readRule(context: ExecutionContext): RouteRule {
    const handler = context.getHandler();
    const targets = [handler, context.getClass()];
    const rule: RouteRule = {
      access: this.reflector.getAllAndOverride<AccessRule | undefined>(ACCESS_RULE, targets) ?? DEFAULT_RULE,
      isFreshSessionRequired:
        this.reflector.getAllAndOverride<boolean | undefined>(FRESH_SESSION, targets) === true,
    };
    this.rules.set(handler, rule);
    return rule;
  }

  private authorize(
    principal: Principal | null,
    { access, isFreshSessionRequired }: RouteRule,
    request: AuthenticatedRequest,
  ): true | Promise<true> {
    if (principal === null) throw new Problem('ACCESS_TOKEN_INVALID');
    demandPermission(principal, access);
    request.principal = principal;
    if (!isFreshSessionRequired) return true;
    return this.verifier.confirm(principal).then((isAlive) => {
      if (!isAlive) throw new Problem('ACCESS_TOKEN_INVALID');
      return true;
    });
  }
}

function demandPermission(principal: Principal, rule: AccessRule): void {
  if (
    rule.kind === 'authenticated' &&
    rule.permission !== null &&
    !hasPermission(principal, rule.permission)
  ) {
    throw new Problem('PERMISSION_DENIED', { extensions: { permission: rule.permission } });
  }
}

const SCHEME = 'bearer ';

/** Whatever follows the scheme: the verifier finds out whether it is a token. */
function bearerToken(header: string | undefined): string | null {
  return header?.slice(0, SCHEME.length).toLowerCase() === SCHEME ? header.slice(SCHEME.length) : null;
}
