import { Global, Module } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { isDatabaseUnavailable, OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { RedisService } from '../../infrastructure/redis/index.js';
import { EventStream } from '../events/index.js';
import { AnswerCache } from './answer-cache.js';
import { AnswerCacheMetrics } from './answer-cache.metrics.js';
import { RedisAnswerStore } from './answer-store.js';

@Global()
@Module({
  providers: [
    {
      provide: AnswerCache,
      inject: [AppConfig, Clock, RedisService, EventStream, OptimizedPrismaService, Metrics],
      useFactory: (
        { env }: AppConfig,
        clock: Clock,
        redis: RedisService,
        events: EventStream,
        database: OptimizedPrismaService,
        registry: Metrics,
      ): AnswerCache => {
        const metrics = new AnswerCacheMetrics(registry);
        return new AnswerCache({
          clock,
          store: new RedisAnswerStore(redis, clock, () => {
            metrics.countStoreFailure();
          }),
          events,
          currentPosition: () => database.currentPosition(),
          isDatabaseUnavailable,
          metrics,
          bytesMax: env.CACHE_MAX_BYTES,
          ttlMs: env.CACHE_TTL_SECONDS * 1000,
        });
      },
    },
  ],
  exports: [AnswerCache],
})
export class AnswerCacheModule {}
