import type { FastifyInstance } from 'fastify';
import { Problem } from '../../common/problem.js';

/** An escape that is no Unicode text by itself: PostgreSQL's JSON refuses it, and UTF-8 cannot say it. */
const LONE_SURROGATE =
  /\\u[dD][89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][\da-fA-F]{2})\\u[dD][c-fC-F]/;

/** No body of ours nests deeper than a handful; what follows the parser recurses and would run out of stack. */
const DEPTH_MAX = 32;

/** Bodies are JSON objects and nothing else; what cannot be stored as text or nests without end is malformed. */
export function addJsonParser(fastify: FastifyInstance): void {
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    // Some clients send the header on requests that have no body, such as a cancellation.
    if (text === '') {
      done(null, undefined);
      return;
    }
    const refuse = (detail: string) => {
      done(new Problem('REQUEST_MALFORMED', { detail }), undefined);
    };
    if (text.includes('\\u0000') || LONE_SURROGATE.test(text)) {
      refuse('The body contains a NUL character or half of a surrogate pair.');
      return;
    }
    void parseJson(request, text, (error, value) => {
      if (error !== null) done(error, undefined);
      else if (typeof value !== 'object' || value === null || Array.isArray(value))
        done(
          new Problem('VALIDATION_FAILED', { errors: [{ pointer: '', detail: 'must be a JSON object' }] }),
          undefined,
        );
      else if (mayBeDeeperThan(text, DEPTH_MAX) && isDeeperThan(value, DEPTH_MAX))
        refuse('The body nests too deeply.');
      else done(null, value);
    });
  });
}

/** Recurses no deeper than it is asked about. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** False for nearly every body, without a look at its value: what nests has as many brackets. */
function mayBeDeeperThan(text: string, levels: number): boolean {
  return hasMoreThan(text, '{', levels / 2) || hasMoreThan(text, '[', levels / 2);
}

function hasMoreThan(text: string, sign: string, count: number): boolean {
  let found = 0;
  for (let at = text.indexOf(sign); at !== -1; at = text.indexOf(sign, at + 1)) {
    found += 1;
    if (found > count) return true;
  }
  return false;
}
