import { Injectable } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { type RateLimitPolicy, RateLimiter } from './rate-limiter.js';

type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** Throttlers and the limits that routes give them are written in the code: few. */
const POLICIES_MAX = 500;

/**
 * Lets the guard of `@nestjs/throttler` 6 count in our rate limiter, for whoever wants its decorators.
 *
 * Times of the answer are whole seconds, as its guard sends them. A denied hit takes nothing. A block counts
 * from the denial that began it and is not prolonged by others; a `blockDuration` equal to `ttl`, which is
 * its default, means no block of its own: the sliding window says when there is room.
 */
@Injectable()
export class RateLimiterThrottlerStorage implements ThrottlerStorage {
  private readonly policies = new Map<string, RateLimitPolicy>();

  constructor(private readonly limiter: RateLimiter) {}

  async increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<ThrottlerRecord> {
    const policy = this.policyOf(throttlerName, { limit, ttl, blockDuration });
    const { outcome, states, retryAfterMs } = await this.limiter.take([{ policy, subject: key, cost: 1 }]);
    const [state] = states;
    const isBlocked = outcome !== 'admitted';
    return {
      totalHits: isBlocked ? limit + 1 : limit - (state?.remaining ?? 0),
      timeToExpire: Math.ceil((state?.resetMs ?? ttl) / 1000),
      isBlocked,
      timeToBlockExpire: isBlocked
        ? Math.ceil(Math.min(retryAfterMs, Math.max(ttl, blockDuration)) / 1000)
        : 0,
    };
  }

  private policyOf(
    name: string,
    { limit, ttl, blockDuration }: { limit: number; ttl: number; blockDuration: number },
  ): RateLimitPolicy {
    const id = [name, limit, ttl, blockDuration].join(' ');
    let policy = this.policies.get(id);
    if (policy === undefined) {
      policy = {
        name: `throttler-${name}`,
        // It lets a limit of 0 or a window of 0 pass; no window is shorter than a millisecond.
        limit: Math.max(1, limit),
        windowMs: Math.max(1, ttl),
        blockMs: blockDuration === ttl ? 0 : Math.max(0, blockDuration),
      };
      if (this.policies.size >= POLICIES_MAX) this.policies.clear();
      this.policies.set(id, policy);
    }
    return policy;
  }
}
