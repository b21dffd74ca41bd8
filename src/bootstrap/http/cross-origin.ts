import type { FastifyReply, FastifyRequest } from 'fastify';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const EXPOSED_HEADERS = [
  'Cart-Token',
  'Caudal-Consistency',
  'ETag',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
  'Idempotency-Replayed',
].join(', ');
/** Browsers ask again after this long whether they may. */
const PREFLIGHT_MAX_AGE_SECONDS = '600';

/**
 * CORS for a fixed list of origins, with cookies (Fetch standard). An origin that is not listed gets no
 * field, so its browser refuses the answer. Every answer varies by `Origin`; that field is one of the
 * constant headers, and a request without `Origin` costs one look-up.
 */
export class CrossOriginPolicy {
  private readonly origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.origins = new Set(origins);
  }

  /** True when the request was a preflight and has its answer. */
  apply(request: FastifyRequest, reply: FastifyReply): boolean {
    const { origin } = request.headers;
    if (origin === undefined || !this.origins.has(origin)) return false;
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-allow-credentials', 'true');
    const method = request.headers['access-control-request-method'];
    if (request.method !== 'OPTIONS' || method === undefined) {
      reply.header('access-control-expose-headers', EXPOSED_HEADERS);
      return false;
    }
    const wanted = request.headers['access-control-request-headers'];
    reply.header('access-control-allow-methods', METHODS);
    if (wanted !== undefined) reply.header('access-control-allow-headers', wanted);
    reply.header('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
    reply.header('vary', 'Origin, Access-Control-Request-Headers');
    void reply.status(204).send();
    return true;
  }
}
