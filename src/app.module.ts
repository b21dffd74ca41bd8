import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { RequestDeadlines } from './bootstrap/http/request-deadlines.js';
import type { Clock } from './common/clock.js';
import { type AppConfig, ConfigModule } from './config/index.js';
import { AccessGuard } from './core/access-control/index.js';
import { DistributedServicesModule } from './core/distributed-services.module.js';
import { LoadSheddingModule } from './core/load-shedding/index.js';
import { ClientRateLimitGuard, UserRateLimitGuard } from './core/rate-limiter/index.js';
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
        DistributedServicesModule,
        ...(config.env.FEATURE_LOAD_SHEDDING ? [LoadSheddingModule] : []),
        AuthModule,
        CatalogModule,
        InventoryModule,
        CartModule,
        OrdersModule,
      ],
      providers: [
        RequestDeadlines,
        // In this order: the limits by client before any work on the token, those by user behind it.
        AccessGuard,
        { provide: APP_GUARD, useExisting: ClientRateLimitGuard },
        { provide: APP_GUARD, useExisting: AccessGuard },
        { provide: APP_GUARD, useExisting: UserRateLimitGuard },
      ],
    };
  }
}
