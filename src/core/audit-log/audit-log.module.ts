import { Global, Module } from '@nestjs/common';
import { AuditCheckpoints } from './audit-checkpoints.js';
import { AuditConsumer } from './audit-consumer.js';
import { AuditHealth } from './audit-health.js';
import { AuditLogController } from './audit-log.controller.js';
import { AuditLog } from './audit-log.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditOutbox } from './audit-outbox.js';
import { AuditPartitions } from './audit-partitions.js';
import { AuditProducer } from './audit-producer.js';
import { AuditQuery } from './audit-query.js';
import { AuditSink } from './audit-sink.js';
import { AuditVerifier } from './audit-verifier.js';
import { AuditWatch } from './audit-watch.js';
import { DistributedAuditLogService } from './distributed-audit-log.service.js';
import { AuditMonths } from './retention/audit-months.js';
import { AuditRetention } from './retention/audit-retention.js';
import { MonthReviewer } from './retention/month-review.js';
import { Retirements } from './retention/retirements.js';

@Global()
@Module({
  controllers: [AuditLogController],
  providers: [
    { provide: AuditLog, useClass: DistributedAuditLogService },
    AuditCheckpoints,
    AuditConsumer,
    AuditHealth,
    AuditMetrics,
    AuditMonths,
    AuditOutbox,
    AuditPartitions,
    AuditProducer,
    AuditQuery,
    AuditRetention,
    AuditSink,
    AuditVerifier,
    AuditWatch,
    MonthReviewer,
    Retirements,
  ],
  exports: [AuditLog],
})
export class AuditLogModule {
  constructor(metrics: AuditMetrics, producer: AuditProducer, consumer: AuditConsumer) {
    metrics.watch({
      buffered: () => producer.bufferedEvents,
      spoolBytes: () => producer.spoolBytes,
      owned: () => consumer.ownedCount,
    });
  }
}

/** What the verifying command needs, and nothing that runs. */
@Module({
  providers: [AuditCheckpoints, AuditMonths, AuditVerifier, Retirements],
  exports: [AuditCheckpoints, AuditVerifier, Retirements],
})
export class AuditVerifierModule {}
