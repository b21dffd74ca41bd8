import { createHash, randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type CookieAttributes, readCookie, setCookie } from '../../common/cookies.js';

/** For clients that keep no cookies; answered when a guest cart is made. */
export const GUEST_TOKEN_HEADER = 'Cart-Token';

/** The prefix makes browsers insist on Secure, no Domain and Path=/ (RFC 6265bis, 4.1.3.2). */
export const GUEST_TOKEN_COOKIE = '__Host-caudal_cart';

/** As long as the cart lives after the last write; see the repository. */
const COOKIE_MAX_AGE_SECONDS = 30 * 86_400;
const ATTRIBUTES: CookieAttributes = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' };

const TOKEN_BYTES = 32;
const TOKEN_PATTERN = /^[\w-]{43}$/;

/** What a request says of its guest cart. */
export interface GuestTokenClaim {
  /** Null when the request sent none, or none that could be ours. */
  readonly token: string | null;
  /** Whether the client keeps cookies of ours. */
  readonly hasCookie: boolean;
}

/** The header goes before the cookie: whoever sends it means it. */
export function readGuestToken(request: FastifyRequest): GuestTokenClaim {
  const cookie = readCookie(request, GUEST_TOKEN_COOKIE);
  const header = request.headers[GUEST_TOKEN_HEADER.toLowerCase()];
  const sent = typeof header === 'string' && header !== '' ? header : cookie;
  return {
    token: sent !== undefined && TOKEN_PATTERN.test(sent) ? sent : null,
    hasCookie: cookie !== undefined,
  };
}

export function setGuestCookie(reply: FastifyReply, token: string): void {
  setCookie(reply, GUEST_TOKEN_COOKIE, token, { ...ATTRIBUTES, maxAge: COOKIE_MAX_AGE_SECONDS });
}

export function clearGuestCookie(reply: FastifyReply): void {
  setCookie(reply, GUEST_TOKEN_COOKIE, '', { ...ATTRIBUTES, maxAge: 0 });
}

/** 256 random bits. Only we make tokens: one that a client brings along names a cart or nothing. */
export function newGuestToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** What is stored. A token of 256 random bits needs neither salt nor a slow hash. */
export function guestTokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
