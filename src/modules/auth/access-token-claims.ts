import { isUuid } from '../../common/ids.js';
import { isRole, type Role } from '../users/index.js';

export const ACCESS_TOKEN_ISSUER = 'caudal';
export const ACCESS_TOKEN_AUDIENCE = 'caudal-api';
export const ACCESS_TOKEN_ALGORITHM = 'RS256';

/** What an access token says of its holder; times are seconds since the epoch. */
export interface AccessTokenClaims {
  readonly iss: typeof ACCESS_TOKEN_ISSUER;
  readonly aud: typeof ACCESS_TOKEN_AUDIENCE;
  /** User id. */
  readonly sub: string;
  readonly role: Role;
  /** Session id. */
  readonly sid: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/** Null when one of the claims that requests are decided by is missing or of the wrong kind. */
export function parseClaims(
  payload: unknown,
): Pick<AccessTokenClaims, 'sub' | 'role' | 'sid' | 'exp'> | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const { sub, role, sid, exp } = payload as Record<string, unknown>;
  if (typeof sub !== 'string' || !isUuid(sub) || !isRole(role)) return null;
  if (typeof sid !== 'string' || sid === '' || !Number.isSafeInteger(exp)) return null;
  return { sub, role, sid, exp: Number(exp) };
}
