import { type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { type Resolvable, ThrottlerGuard } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isIPv6 } from 'node:net';
import { Problem } from '../../common/problem.js';
import { isImmediate } from './in-memory-throttler-storage.js';

export type RateLimitClass = 'default' | 'auth';

export const RATE_LIMIT_CLASS = 'caudal:rate-limit-class';

/** Puts a route under the stricter limit of its class instead of the default one. */
export const RateLimit = (name: RateLimitClass) => SetMetadata(RATE_LIMIT_CLASS, name);

/** What applies to one route; null when nothing does. */
interface Policy {
  readonly name: RateLimitClass;
  readonly limit: number;
  readonly ttlMs: number;
  readonly throttler: string;
  readonly field: string;
}

/**
 * Limits each client address per class of routes and tells it so in the IETF RateLimit fields.
 *
 * The throttler's own guard reads six pieces of metadata per request; here they are read once per route,
 * because every request passes (a fifth of a cached read's time otherwise, see docs/capacity.md).
 */
@Injectable()
export class HttpThrottlerGuard extends ThrottlerGuard {
  private readonly policies = new WeakMap<object, { readonly policy: Policy | null }>();

  override canActivate(context: ExecutionContext): Promise<boolean> {
    const { policy } = this.policies.get(context.getHandler()) ?? this.readPolicy(context);
    if (policy === null) return ALLOWED;
    const http = context.switchToHttp();
    return this.limit(policy, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /**
   * Whether the request is within the limit of the route that `handler` answers, decided and counted
   * at once. False means: not counted, ask the guard; also while the route has not been asked for yet.
   */
  admitsNow(handler: object, request: FastifyRequest, reply: FastifyReply): boolean {
    const known = this.policies.get(handler);
    if (known === undefined) return false;
    const { policy } = known;
    if (policy === null) return true;
    if (!isImmediate(this.storageService)) return false;
    const record = this.storageService.incrementNow(keyOf(policy, request), policy.ttlMs, policy.limit);
    if (record.isBlocked) return false;
    writeFields(policy, record, reply);
    return true;
  }

  private async limit(policy: Policy, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const { limit, ttlMs, throttler } = policy;
    const record = await this.storageService.increment(
      keyOf(policy, request),
      ttlMs,
      limit,
      ttlMs,
      throttler,
    );
    writeFields(policy, record, reply);
    if (record.isBlocked) throw new Problem('RATE_LIMITED', { retryAfterSeconds: record.timeToBlockExpire });
    return true;
  }

  private readPolicy(context: ExecutionContext): { readonly policy: Policy | null } {
    const targets = [context.getHandler(), context.getClass()] as const;
    const [throttler] = this.throttlers;
    if (throttler === undefined) throw new Error('no rate limit is configured');
    const isSkipped =
      this.reflector.getAllAndOverride<boolean | undefined>(`THROTTLER:SKIP${throttler.name ?? 'default'}`, [
        ...targets,
      ]) === true;
    const skipIf = throttler.skipIf ?? this.commonOptions.skipIf;
    let policy: Policy | null = null;
    if (!isSkipped && skipIf?.(context) !== true) {
      const name =
        this.reflector.getAllAndOverride<RateLimitClass | undefined>(RATE_LIMIT_CLASS, [...targets]) ??
        'default';
      const limit = resolve(throttler.limit, context);
      const ttlMs = resolve(throttler.ttl, context);
      policy = {
        name,
        limit,
        ttlMs,
        throttler: throttler.name ?? 'default',
        field: `"${name}";q=${String(limit)};w=${String(ttlMs / 1000)}`,
      };
    }
    const read = { policy };
    this.policies.set(context.getHandler(), read);
    return read;
  }
}

const ALLOWED = Promise.resolve(true);

/** The storage is private to the product: a readable key needs no hash. */
function keyOf({ name }: Policy, request: FastifyRequest): string {
  return `${name}:${clientNetwork(request.ip)}`;
}

function writeFields(
  { name, limit, field }: Policy,
  { totalHits, timeToExpire }: { readonly totalHits: number; readonly timeToExpire: number },
  reply: FastifyReply,
): void {
  reply.header('ratelimit-policy', field);
  reply.header(
    'ratelimit',
    `"${name}";r=${String(Math.max(0, limit - totalHits))};t=${String(timeToExpire)}`,
  );
}

/** Limits depend on the route and on nothing else of the request. */
function resolve(value: Resolvable<number>, context: ExecutionContext): number {
  const resolved = typeof value === 'function' ? value(context) : value;
  if (typeof resolved !== 'number') throw new Error('a rate limit must be known at once');
  return resolved;
}

/** An IPv6 customer has a /64 at least: its addresses count as one client. */
export function clientNetwork(address: string): string {
  // What nearly every address is, without the regular expression of isIPv6.
  if (!address.includes(':') || !isIPv6(address)) return address;
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
