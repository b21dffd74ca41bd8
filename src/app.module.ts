import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { RequestDeadlines } from './bootstrap/http/request-deadlines.js';
import type { Clock } from './common/clock.js';
import { type AppConfig, ConfigModule } from './config/index.js';
import { AccessGuard } from './core/access-control/index.js';
import { AdmissionModule } from './core/admission/index.js';
import { AnswerCacheModule } from './core/answer-cache/index.js';
import { CursorModule } from './core/cursor/index.js';
import { EventsModule } from './core/events/index.js';
import { FieldEncryptionModule } from './core/field-encryption/index.js';
import { HealthModule } from './core/health/index.js';
import { IdempotencyModule } from './core/idempotency/index.js';
import { JobsModule } from './core/jobs/index.js';
import { PartitioningModule } from './core/partitioning/index.js';
import { HttpThrottlerGuard, RateLimiterModule } from './core/rate-limiter/index.js';
import { ReadConsistencyModule } from './core/read-consistency/index.js';
import { ShortCutModule } from './core/short-cut/index.js';
import { SignInModule } from './core/sign-in/index.js';
import { PrismaModule } from './infrastructure/database/prisma/index.js';
import { type Logger, LoggingModule } from './infrastructure/logging/index.js';
import { MetricsModule } from './infrastructure/metrics/index.js';
import { AuthModule } from './modules/auth/index.js';
import { CartModule } from './modules/cart/index.js';
import { CatalogModule } from './modules/catalog/index.js';
import { InventoryModule } from './modules/inventory/index.js';
import { OrdersModule } from './modules/orders/index.js';
import { RedisModule } from './infrastructure/redis/index.js';

@Module({})
export class AppModule {
  static forRoot(config: AppConfig, logger: Logger, clock: Clock): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config, clock),
        LoggingModule.forRoot(logger),
        MetricsModule,
        RedisModule,
        PrismaModule,
        HealthModule,
        JobsModule,
        PartitioningModule,
        EventsModule,
        IdempotencyModule,
        AdmissionModule,
        ReadConsistencyModule,
        FieldEncryptionModule,
        CursorModule,
        AnswerCacheModule,
        RateLimiterModule,
        ShortCutModule,
        SignInModule,
        AuthModule,
        CatalogModule,
        InventoryModule,
        CartModule,
        OrdersModule,
      ],
      providers: [
        RequestDeadlines,
        // In this order: the limit by address before any work on the token.
        AccessGuard,
        { provide: APP_GUARD, useExisting: HttpThrottlerGuard },
        { provide: APP_GUARD, useExisting: AccessGuard },
      ],
    };
  }
}
