import { Global, Module } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { RedisService } from '../../infrastructure/redis/index.js';
import { AccountAttempts } from './account-attempts.js';
import { ApiKeys } from './api-keys.js';
import { DistributedRateLimiter } from './distributed-rate-limiter.service.js';
import { InMemoryRateLimiter } from './in-memory-rate-limiter.js';
import { ClientRateLimitGuard, UserRateLimitGuard } from './rate-limit.guard.js';
import { RateLimitPolicies } from './rate-limit-policies.js';
import { RateLimiter } from './rate-limiter.js';
import { RateLimiterThrottlerStorage } from './rate-limiter-throttler.storage.js';
import { RequestLimits } from './request-limits.js';

/** Global: the guards of all routes need it, and whoever gives points back. */
@Global()
@Module({
  providers: [
    {
      provide: RateLimiter,
      inject: [RedisService, Clock, AppConfig, Logger, Metrics],
      useFactory: (redis: RedisService, clock: Clock, config: AppConfig, logger: Logger, metrics: Metrics) =>
        config.env.FEATURE_RATE_LIMITER
          ? new DistributedRateLimiter(redis, clock, config, logger, metrics)
          : new InMemoryRateLimiter(clock),
    },
    RateLimitPolicies,
    ApiKeys,
    AccountAttempts,
    RequestLimits,
    ClientRateLimitGuard,
    UserRateLimitGuard,
    RateLimiterThrottlerStorage,
  ],
  exports: [
    RateLimiter,
    AccountAttempts,
    RequestLimits,
    ClientRateLimitGuard,
    UserRateLimitGuard,
    RateLimiterThrottlerStorage,
  ],
})
export class RateLimiterModule {}
