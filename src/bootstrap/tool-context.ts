import { Global, type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type AppConfig, ConfigModule } from '../config/index.js';
import { EventOutbox } from '../core/events/index.js';
import { FieldEncryptionModule } from '../core/field-encryption/index.js';
import { ReadConsistencyModule } from '../core/read-consistency/index.js';
import { OptimizedPrismaService, PrismaModule } from '../infrastructure/database/prisma/index.js';
import { createLogger, LoggingModule, NestLogger } from '../infrastructure/logging/index.js';
import { MetricsModule } from '../infrastructure/metrics/index.js';
import { RedisModule } from '../infrastructure/redis/index.js';

/** Events are written to the outbox and left to the running application to relay. */
@Global()
@Module({ providers: [EventOutbox], exports: [EventOutbox] })
class OutboxOnlyModule {}

/**
 * What a program needs that works on the database and ends: no HTTP, no jobs, and no connection to Redis
 * unless somebody asks for one.
 */
export function createToolContext(
  config: AppConfig,
  modules: readonly Type[],
): Promise<INestApplicationContext> {
  const logger = createLogger('silent');
  @Module({
    imports: [
      ConfigModule.forRoot(config),
      LoggingModule.forRoot(logger),
      MetricsModule,
      RedisModule,
      PrismaModule,
      ReadConsistencyModule,
      FieldEncryptionModule,
      OutboxOnlyModule,
      ...modules,
    ],
  })
  class ToolModule {}
  return NestFactory.createApplicationContext(ToolModule, {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
}

/** @throws Error with one clear line when the writer does not answer or has no schema. */
export async function requireDatabase(context: INestApplicationContext): Promise<void> {
  try {
    await context.get(OptimizedPrismaService).ping();
  } catch (error) {
    const { code = '', message = '' } = error as { code?: string; message?: string };
    throw new Error(`the database of DATABASE_URL does not answer: ${message || code}`, { cause: error });
  }
}
