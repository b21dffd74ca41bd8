import { SetMetadata } from '@nestjs/common';
import type { PolicyName } from './rate-limit-policies.js';

export const RATE_LIMIT_RULES = 'caudal:rate-limit-rules';

/** A policy that applies to a route, and how many points one request costs; 1 where only the name is given. */
export type RateLimitRule = PolicyName | { readonly policy: PolicyName; readonly cost: number };

/**
 * Says which policies apply to a route. A policy by client takes the place of `default`, one by user that
 * of `user`, and one by account comes on top; what a route does not name stays as it is.
 */
export const RateLimit = (...rules: readonly RateLimitRule[]) => SetMetadata(RATE_LIMIT_RULES, rules);
