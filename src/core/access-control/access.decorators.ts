import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { Problem } from '../../common/problem.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import type { Permission, Principal } from './principal.js';

export const ACCESS_RULE = 'caudal:access-rule';

export type AccessRule =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'optional' }
  | { readonly kind: 'authenticated'; readonly permission: Permission | null };

/** Key of the mark that {@link RequireFreshSession} leaves. */
export const FRESH_SESSION = 'caudal:fresh-session';

const rule = (value: AccessRule) => SetMetadata(ACCESS_RULE, value);

/** Open to everybody; a token is not even looked at. */
export const Anonymous = () => rule({ kind: 'anonymous' });

/** Open to everybody; a token, when sent, must be valid and names the principal. */
export const OptionallyAuthenticated = () => rule({ kind: 'optional' });

/** Needs a valid access token. It is also the rule of a route that states none. */
export const Authenticated = () => rule({ kind: 'authenticated', permission: null });

/** Needs a valid access token whose role grants the permission. */
export const RequirePermission = (permission: Permission) => rule({ kind: 'authenticated', permission });

/**
 * The session store itself must confirm that the session is alive, in one round trip: for actions that a
 * stolen or ended session must not do even within the moments that other processes need to learn of its end,
 * such as every write of an administrator. While the store is away they are refused.
 */
export const RequireFreshSession = () => SetMetadata(FRESH_SESSION, true);

/** The principal of the request. Only on routes that demand authentication. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (principal === undefined) throw new Problem('AUTHENTICATION_REQUIRED');
  return principal;
});

/** The principal of the request, null for an anonymous one. */
export const OptionalPrincipal = createParamDecorator(
  (_: unknown, context: ExecutionContext): Principal | null =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().principal ?? null,
);
