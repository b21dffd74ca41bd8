import type { FastifyReply, FastifyRequest } from 'fastify';
import { type CookieAttributes, readCookie, setCookie } from '../../common/cookies.js';
import type { IssuedToken } from '../../core/session/index.js';

/**
 * The prefix makes browsers insist on Secure, no Domain and Path=/ (RFC 6265bis, 4.1.3.2), so neither a
 * subdomain nor plain HTTP can plant one. Browsers treat http://localhost as secure for this purpose.
 */
const REFRESH_COOKIE = '__Host-caudal_refresh';

const ATTRIBUTES: CookieAttributes = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' };

/** Empty when the client sent none. */
export function readRefreshCookie(request: FastifyRequest): string {
  return readCookie(request, REFRESH_COOKIE) ?? '';
}

export function setRefreshCookie(reply: FastifyReply, { token, expiresInSeconds }: IssuedToken): void {
  setCookie(reply, REFRESH_COOKIE, token, { ...ATTRIBUTES, maxAge: expiresInSeconds });
}

export function clearRefreshCookie(reply: FastifyReply): void {
  setCookie(reply, REFRESH_COOKIE, '', { ...ATTRIBUTES, maxAge: 0 });
}
