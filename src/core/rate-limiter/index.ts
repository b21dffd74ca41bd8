export { HttpThrottlerGuard, RateLimit, type RateLimitClass } from './http-throttler.guard.js';
export { RateLimiterModule } from './rate-limiter.module.js';
