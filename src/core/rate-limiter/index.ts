export { AccountAttempts } from './account-attempts.js';
export { RateLimit, type RateLimitRule } from './rate-limit.decorator.js';
export { ClientRateLimitGuard, UserRateLimitGuard } from './rate-limit.guard.js';
export { type PolicyName } from './rate-limit-policies.js';
export {
  type Charge,
  type ChargeState,
  type Decision,
  type RateLimitPolicy,
  RateLimiter,
} from './rate-limiter.js';
export { RateLimiterModule } from './rate-limiter.module.js';
export { RateLimiterThrottlerStorage } from './rate-limiter-throttler.storage.js';
export { RequestLimits } from './request-limits.js';
