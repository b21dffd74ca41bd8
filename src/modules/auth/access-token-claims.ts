import { isUuid } from '../../common/ids.js';
import { isRole, type Role } from '../users/index.js';

export const ACCESS_TOKEN_ISSUER = 'caudal';
export const ACCESS_TOKEN_AUDIENCE = 'caudal-api';
export const ACCESS_TOKEN_ALGORITHM = 'RS256';

/**
 * The session of tokens that operators' tools sign with the key itself. There is none that the store could
 * confirm; such a token works until it expires, or until every session of its user is ended.
 */
export const OPERATOR_SESSION = 'operator';

/** What an access token says of its holder; times are seconds since the epoch. */
export interface AccessTokenClaims {
  readonly iss: typeof ACCESS_TOKEN_ISSUER;
  readonly aud: typeof ACCESS_TOKEN_AUDIENCE;
  /** User id. */
  readonly sub: string;
  readonly role: Role;
  /** Session id; {@link OPERATOR_SESSION} in a token that no log-in stands behind. */
  readonly sid: string;
  /** When the session was opened, by the clock of the session store, with milliseconds as decimals. */
  readonly auth_time: number;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/** The claims that requests are decided by; `auth_time` and `iat` are 0 in a token that lacks them. */
export type DecisiveClaims = Pick<AccessTokenClaims, 'sub' | 'role' | 'sid' | 'auth_time' | 'iat' | 'exp'>;

/** Null when one of the claims that requests are decided by is missing or of the wrong kind. */
export function parseClaims(payload: unknown): DecisiveClaims | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const { sub, role, sid, exp, iat = 0, auth_time: openedAt = 0 } = payload as Record<string, unknown>;
  if (typeof sub !== 'string' || !isUuid(sub) || !isRole(role)) return null;
  if (typeof sid !== 'string' || sid === '' || !Number.isSafeInteger(exp)) return null;
  if (!Number.isFinite(iat) || !Number.isFinite(openedAt)) return null;
  return { sub, role, sid, auth_time: Number(openedAt), iat: Number(iat), exp: Number(exp) };
}
