import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { RATE_LIMIT_RULES, type RateLimitRule } from './rate-limit.decorator.js';
import { policyField } from './rate-limit-fields.js';
import {
  POLICY_SUBJECTS,
  type PolicyName,
  type PolicySubject,
  type RateLimitPolicies,
} from './rate-limit-policies.js';
import type { RateLimitPolicy } from './rate-limiter.js';

/** The metadata of the throttler's `@SkipThrottle()`, which says here what it says there. */
const SKIPPED = 'THROTTLER:SKIPdefault';

/** The policies of one subject that a route is under; never empty. */
export interface StageLimits {
  readonly names: readonly PolicyName[];
  readonly policies: readonly { readonly policy: RateLimitPolicy; readonly cost: number }[];
  /** What `RateLimit-Policy` says about them. */
  readonly fields: string;
}

/** What applies to one route; null where nothing does. */
export interface RouteLimits {
  readonly client: StageLimits | null;
  /** In place of `client` for the holder of a known API key; null where a route has limits of its own. */
  readonly apiKey: StageLimits | null;
  readonly account: StageLimits | null;
  readonly user: StageLimits | null;
}

const NOTHING: RouteLimits = { client: null, apiKey: null, account: null, user: null };

/** Reads what the decorators of a route say. */
export function readRouteLimits(
  context: ExecutionContext,
  reflector: Reflector,
  policies: RateLimitPolicies,
): RouteLimits {
  const targets = [context.getHandler(), context.getClass()];
  if (reflector.getAllAndOverride<boolean | undefined>(SKIPPED, targets) === true) return NOTHING;
  const rules =
    reflector.getAllAndOverride<readonly RateLimitRule[] | undefined>(RATE_LIMIT_RULES, targets) ?? [];
  const named = rules.map((rule) => (typeof rule === 'string' ? { policy: rule, cost: 1 } : rule));
  const of = (subject: PolicySubject, standard: readonly PolicyName[]): StageLimits | null => {
    const own = named.filter(({ policy }) => POLICY_SUBJECTS[policy] === subject);
    const chosen = own.length > 0 ? own : standard.map((policy) => ({ policy, cost: 1 }));
    if (chosen.length === 0) return null;
    const limits = chosen.map(({ policy, cost }) => ({ policy: policies.get(policy), cost }));
    return {
      names: chosen.map(({ policy }) => policy),
      policies: limits,
      fields: limits
        .filter(({ policy }) => policy.isShadow !== true)
        .map(({ policy }) => policyField(policy))
        .join(', '),
    };
  };
  const client = of('client', ['default']);
  const isDefault = client?.names.length === 1 && client.names[0] === 'default';
  const cost = client?.policies[0]?.cost ?? 1;
  const apiKey = policies.get('api-key');
  return {
    client,
    apiKey: isDefault
      ? { names: ['api-key'], policies: [{ policy: apiKey, cost }], fields: policyField(apiKey) }
      : null,
    account: of('account', []),
    user: of('user', ['user']),
  };
}
