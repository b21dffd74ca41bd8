import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../common/problem.js';
import { sendProblem } from './problem.filter.js';

/** Asking what there is, is not wrong where there is nothing: these get 404, or the CORS answer. */
const NEVER_REFUSED = new Set(['HEAD', 'OPTIONS']);

interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/**
 * Which methods a path has, for the 405 of a request whose method it lacks (RFC 9110, 15.5.6). Asked
 * only about requests that no route matched; those that some route matches cost one look at a flag.
 */
export class AllowedMethods {
  private readonly paths = new Map<string, KnownPath>();

  /** Learns every route that is registered from now on. */
  learnFrom(fastify: FastifyInstance): void {
    fastify.addHook('onRoute', ({ url, method }) => {
      const path = this.paths.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
      for (const each of [method].flat()) path.methods.add(each);
      this.paths.set(url, path);
    });
  }

  /** True when the request had a known path and the wrong method, and has its answer. */
  refuse(request: FastifyRequest, reply: FastifyReply): boolean {
    if (!request.is404 || NEVER_REFUSED.has(request.method)) return false;
    const allowed = this.methodsOf(request.url);
    // Then it was not the method that kept the request from its route.
    if (allowed.length === 0 || allowed.includes(request.method)) return false;
    reply.header('Allow', allowed.join(', '));
    sendProblem(reply, new Problem('METHOD_NOT_ALLOWED'), request.id);
    return true;
  }

  /** Sorted; empty when nothing has this path. */
  methodsOf(url: string): string[] {
    const path = decode(url.replace(/[?#].*$/s, ''));
    const methods = new Set<string>();
    for (const known of this.paths.values())
      if (known.pattern.test(path)) for (const method of known.methods) methods.add(method);
    return [...methods].sort();
  }
}

/** As the router reads it: a parameter is one segment, `*` is anything, a slash at the end is nothing. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/\/$/, '')
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll(/:[^/]+/g, '[^/]+');
  return new RegExp(`^${source}/?$`, 's');
}

/** Leaves an escaped slash alone, which does not end a segment. */
function decode(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
