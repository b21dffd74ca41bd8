import { Module } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { HttpThrottlerGuard, RATE_LIMIT_CLASS, type RateLimitClass } from './http-throttler.guard.js';
import { InMemoryThrottlerStorage } from './in-memory-throttler-storage.js';

const WINDOW_MS = 60_000;

@Module({
  imports: [
    ThrottlerModule.forRootAsync({
      inject: [AppConfig, Reflector, Clock],
      useFactory: (config: AppConfig, reflector: Reflector, clock: Clock) => ({
        storage: new InMemoryThrottlerStorage(clock),
        skipIf: () => !config.env.RATE_LIMIT_ENABLED,
        throttlers: [
          {
            ttl: WINDOW_MS,
            limit: (context) => {
              const name = reflector.getAllAndOverride<RateLimitClass | undefined>(RATE_LIMIT_CLASS, [
                context.getHandler(),
                context.getClass(),
              ]);
              return name === 'auth'
                ? config.env.RATE_LIMIT_AUTH_PER_MINUTE
                : config.env.RATE_LIMIT_PER_MINUTE;
            },
          },
        ],
      }),
    }),
  ],
  providers: [HttpThrottlerGuard],
  exports: [ThrottlerModule, HttpThrottlerGuard],
})
export class RateLimiterModule {}
