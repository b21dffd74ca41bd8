import { parseCookie, type SerializeOptions, stringifySetCookie } from 'cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';

export type CookieAttributes = Readonly<Omit<SerializeOptions, 'encode'>>;

/** The decoded value of a cookie that the client sent; undefined when it sent none of that name. */
export function readCookie(request: FastifyRequest, name: string): string | undefined {
  const { cookie } = request.headers;
  return cookie === undefined ? undefined : parseCookie(cookie)[name];
}

/** Adds a `Set-Cookie` line to the answer; an empty value with `maxAge` 0 removes the cookie. */
export function setCookie(
  reply: FastifyReply,
  name: string,
  value: string,
  attributes: CookieAttributes,
): void {
  reply.header('Set-Cookie', stringifySetCookie({ ...attributes, name, value }));
}
