import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IssuedToken } from '../../core/session/index.js';

/**
 * The prefix makes browsers insist on Secure, no Domain and Path=/ (RFC 6265bis, 4.1.3.2), so neither a
 * subdomain nor plain HTTP can plant one. Browsers treat http://localhost as secure for this purpose.
 */
const REFRESH_COOKIE = '__Host-caudal_refresh';

const ATTRIBUTES: CookieSerializeOptions = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' };

/** Empty when the client sent none. */
export function readRefreshCookie(request: FastifyRequest): string {
  return request.cookies[REFRESH_COOKIE] ?? '';
}

export function setRefreshCookie(reply: FastifyReply, { token, expiresInSeconds }: IssuedToken): void {
  reply.setCookie(REFRESH_COOKIE, token, { ...ATTRIBUTES, maxAge: expiresInSeconds });
}

export function clearRefreshCookie(reply: FastifyReply): void {
  reply.setCookie(REFRESH_COOKIE, '', { ...ATTRIBUTES, maxAge: 0 });
}
