import { type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { type Resolvable, ThrottlerGuard } from '@nestjs/throttler';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isIPv6 } from 'node:net';
import { Problem } from '../../common/problem.js';
import { isImmediate, type StorageRecord } from './in-memory-throttler-storage.js';

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

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    return this.admit(context);
  }

  /**
   * True when the request is within its limit, at once when the storage need not wait.
   * @throws Problem `RATE_LIMITED`
   */
  admit(context: ExecutionContext): true | Promise<true> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    if (request.isAdmitted) return true;
    const { policy } = this.policies.get(context.getHandler()) ?? this.readPolicy(context);
    if (policy === null) return true;
    const { limit, ttlMs, throttler } = policy;
    const reply = http.getResponse<FastifyReply>();
    const key = keyOf(policy, request);
    return isImmediate(this.storageService)
      ? judge(policy, this.storageService.incrementNow(key, ttlMs, limit), reply)
      : this.storageService
          .increment(key, ttlMs, limit, ttlMs, throttler)
          .then((record) => judge(policy, record, reply));
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

function judge(policy: Policy, record: StorageRecord, reply: FastifyReply): true {
  writeFields(policy, record, reply);
  if (record.isBlocked) throw new Problem('RATE_LIMITED', { retryAfterSeconds: record.timeToBlockExpire });
  return true;
}

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
