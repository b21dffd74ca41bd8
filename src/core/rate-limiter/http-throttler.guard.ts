import { type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerRequest } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isIPv6 } from 'node:net';
import { Problem } from '../../common/problem.js';

export type RateLimitClass = 'default' | 'auth';

export const RATE_LIMIT_CLASS = 'caudal:rate-limit-class';

/** Puts a route under the stricter limit of its class instead of the default one. */
export const RateLimit = (name: RateLimitClass) => SetMetadata(RATE_LIMIT_CLASS, name);

/** Limits each client address per class of routes and tells it so in the IETF RateLimit fields. */
@Injectable()
export class HttpThrottlerGuard extends ThrottlerGuard {
  protected override getTracker(request: FastifyRequest): Promise<string> {
    return Promise.resolve(clientNetwork(request.ip));
  }

  /** The storage is private to the process: a readable key needs no hash. */
  protected override generateKey(context: ExecutionContext, tracker: string): string {
    return `${this.classOf(context)}:${tracker}`;
  }

  protected override async handleRequest(props: ThrottlerRequest): Promise<boolean> {
    const { context, limit, ttl, blockDuration, throttler } = props;
    const { req, res } = this.getRequestResponse(context) as { req: FastifyRequest; res: FastifyReply };
    const key = this.generateKey(context, await this.getTracker(req));
    const record = await this.storageService.increment(
      key,
      ttl,
      limit,
      blockDuration,
      throttler.name ?? 'default',
    );
    const name = this.classOf(context);
    const remaining = Math.max(0, limit - record.totalHits);
    res.header('RateLimit-Policy', `"${name}";q=${String(limit)};w=${String(ttl / 1000)}`);
    res.header('RateLimit', `"${name}";r=${String(remaining)};t=${String(record.timeToExpire)}`);
    if (record.isBlocked) throw new Problem('RATE_LIMITED', { retryAfterSeconds: record.timeToBlockExpire });
    return true;
  }

  private classOf(context: ExecutionContext): RateLimitClass {
    return (
      this.reflector.getAllAndOverride<RateLimitClass | undefined>(RATE_LIMIT_CLASS, [
        context.getHandler(),
        context.getClass(),
      ]) ?? 'default'
    );
  }
}

/** An IPv6 customer has a /64 at least: its addresses count as one client. */
export function clientNetwork(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0');
  return `${[...front, ...zeros, ...back]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
