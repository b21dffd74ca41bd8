import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import type { RateLimitPolicy } from './rate-limiter.js';
import { EXACT_LIMIT_MAX } from './sliding-window.js';

/** Who a policy counts. `account`: whom the e-mail address of the body names, whether it exists or not. */
export type PolicySubject = 'client' | 'user' | 'account';

/** The policies of the product and whom each counts. `default` and `user` apply where a route names none. */
export const POLICY_SUBJECTS = {
  default: 'client',
  auth: 'client',
  'api-key': 'client',
  user: 'user',
  login: 'account',
  'login-account': 'account',
  'login-account-day': 'account',
  registration: 'account',
} as const satisfies Record<string, PolicySubject>;

export type PolicyName = keyof typeof POLICY_SUBJECTS;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The policies as they are configured. */
@Injectable()
export class RateLimitPolicies {
  private readonly policies: Readonly<Record<PolicyName, RateLimitPolicy>>;

  constructor({ env }: AppConfig) {
    const shadow = namesOf('RATE_LIMIT_SHADOW', env.RATE_LIMIT_SHADOW);
    const denying = namesOf('RATE_LIMIT_DENY_WITHOUT_REDIS', env.RATE_LIMIT_DENY_WITHOUT_REDIS);
    const policy = (name: PolicyName, limit: number, windowMs: number): RateLimitPolicy => ({
      name,
      limit,
      windowMs,
      isShadow: shadow.has(name),
      withoutRedis: denying.has(name) ? 'deny' : 'memory',
    });
    // One log for both, where both are small enough for it.
    const isExact = Math.max(env.RATE_LIMIT_LOGIN_PER_HOUR, env.RATE_LIMIT_LOGIN_PER_DAY) <= EXACT_LIMIT_MAX;
    const attempts = isExact ? { log: { name: 'login-account', windowMs: DAY_MS } } : {};
    this.policies = {
      default: policy('default', env.RATE_LIMIT_PER_MINUTE, MINUTE_MS),
      auth: policy('auth', env.RATE_LIMIT_AUTH_PER_MINUTE, MINUTE_MS),
      'api-key': policy('api-key', env.RATE_LIMIT_API_KEY_PER_MINUTE, MINUTE_MS),
      user: policy('user', env.RATE_LIMIT_USER_PER_MINUTE, MINUTE_MS),
      login: policy('login', env.RATE_LIMIT_LOGIN_PER_QUARTER_HOUR, 15 * MINUTE_MS),
      'login-account': { ...policy('login-account', env.RATE_LIMIT_LOGIN_PER_HOUR, HOUR_MS), ...attempts },
      'login-account-day': {
        ...policy('login-account-day', env.RATE_LIMIT_LOGIN_PER_DAY, DAY_MS),
        ...attempts,
      },
      registration: policy('registration', env.RATE_LIMIT_REGISTRATIONS_PER_HOUR, HOUR_MS),
    };
  }

  get(name: PolicyName): RateLimitPolicy {
    return this.policies[name];
  }
}

/** @throws Error that names the setting, at the start of the process. */
function namesOf(setting: string, names: readonly string[]): ReadonlySet<string> {
  const unknown = names.find((name) => !(name in POLICY_SUBJECTS));
  if (unknown !== undefined) throw new Error(`${setting}: there is no policy "${unknown}"`);
  return new Set(names);
}
