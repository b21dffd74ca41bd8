import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  UseGuards,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';

/**
 * Keeps other web sites from acting with a visitor's cookie (OWASP CSRF sheet: verifying the origin
 * with standard headers). Browsers send `Origin` with every request that could do harm, and pages
 * cannot forge it; clients that are no browsers send none and hold no stranger's cookie.
 *
 * Passes: no `Origin` (unless `Sec-Fetch-Site` says cross-site), the host the request was sent to, or
 * an origin of PUBLIC_ORIGINS. Anything else, `null` among it, is 403 ORIGIN_NOT_ALLOWED.
 */
@Injectable()
export class OriginCheckGuard implements CanActivate {
  private readonly allowed: ReadonlySet<string>;

  constructor({ env }: AppConfig) {
    this.allowed = new Set(env.PUBLIC_ORIGINS.map((origin) => URL.parse(origin)?.origin ?? origin));
  }

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { origin } = request.headers;
    const isAllowed =
      origin === undefined
        ? request.headers['sec-fetch-site'] !== 'cross-site'
        : this.allowed.has(origin) || isOwnHost(origin, request.host);
    if (!isAllowed) throw new Problem('ORIGIN_NOT_ALLOWED');
    return true;
  }
}

/** The scheme is taken from the origin: a proxy may have ended TLS without telling us. */
function isOwnHost(origin: string, host: string): boolean {
  const url = URL.parse(origin);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false;
  return URL.parse(`${url.protocol}//${host}`)?.origin === url.origin && url.origin === origin;
}

/** For routes that act on a cookie: refuses browsers that come from a foreign web origin. */
export const CheckOrigin = () => applyDecorators(UseGuards(OriginCheckGuard));
