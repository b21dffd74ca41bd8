import { Module } from '@nestjs/common';
import { AdmissionModule } from './admission/index.js';
import { AnswerCacheModule } from './answer-cache/index.js';
import { CircuitBreakerModule } from './circuit-breaker/index.js';
import { AuditLogModule } from './audit-log/index.js';
import { CursorModule } from './cursor/index.js';
import { EventsModule } from './events/index.js';
import { FeatureFlagsModule } from './feature-flags/index.js';
import { FieldEncryptionModule } from './field-encryption/index.js';
import { HealthModule } from './health/index.js';
import { IdempotencyModule } from './idempotency/index.js';
import { JobsModule } from './jobs/index.js';
import { PartitioningModule } from './partitioning/index.js';
import { RateLimiterModule } from './rate-limiter/index.js';
import { ReadConsistencyModule } from './read-consistency/index.js';
import { WorkerMonitorModule } from './session-monitor/index.js';
import { ShortCutModule } from './short-cut/index.js';
import { SignInModule } from './sign-in/index.js';

const SERVICES = [
  FeatureFlagsModule,
  HealthModule,
  JobsModule,
  PartitioningModule,
  EventsModule,
  CircuitBreakerModule,
  AuditLogModule,
  IdempotencyModule,
  AdmissionModule,
  ReadConsistencyModule,
  FieldEncryptionModule,
  CursorModule,
  AnswerCacheModule,
  RateLimiterModule,
  ShortCutModule,
  SignInModule,
  WorkerMonitorModule,
];

/** Every core service, gathered for the application. */
@Module({ imports: SERVICES, exports: SERVICES })
export class DistributedServicesModule {}
