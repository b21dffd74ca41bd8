import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { auditLine, FIELD_SEPARATOR } from './audit-entry.js';
import { AuditLog, type AuditEvent, type AuditReceipt } from './audit-log.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditProducer } from './audit-producer.js';

/** Losses are logged once in so long, with their number. */
const LOSS_LOG_INTERVAL_MS = 10_000;

/** {@link AuditLog} over Redis Streams: makes the line of an event and gives it to the producer. */
@Injectable()
export class DistributedAuditLogService extends AuditLog implements OnModuleInit {
  private lost = 0;
  private lossLoggedAtMs = -Infinity;

  private readonly isOn: boolean;

  constructor(
    config: AppConfig,
    private readonly producer: AuditProducer,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
  ) {
    super();
    this.isOn = config.env.FEATURE_AUDIT_LOG;
  }

  async onModuleInit(): Promise<void> {
    if (this.isOn) await this.producer.start();
  }

  override record(event: AuditEvent): Promise<AuditReceipt> {
    if (!this.isOn) return RECEIPTS.off;
    const line = newId() + FIELD_SEPARATOR + auditLine(event, event.class);
    this.metrics.recorded[event.class].inc();
    const isDroppable = event.class === 'access';
    const receipt = this.producer.submit(routeOf(event.resource), line, isDroppable);
    if (receipt === null) return this.drop(event);
    return isDroppable ? RECEIPTS.memory : receipt;
  }

  private drop(event: AuditEvent): Promise<AuditReceipt> {
    this.metrics.dropped[event.class].inc();
    this.lost += 1;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.lossLoggedAtMs >= LOSS_LOG_INTERVAL_MS) {
      this.logger.error(
        { count: this.lost, action: event.action },
        'audit events were dropped: nothing takes them',
      );
      this.lost = 0;
      this.lossLoggedAtMs = nowMs;
    }
    return RECEIPTS.dropped;
  }
}

const RECEIPTS = {
  off: Promise.resolve<AuditReceipt>('off'),
  memory: Promise.resolve<AuditReceipt>('memory'),
  dropped: Promise.resolve<AuditReceipt>('dropped'),
};

/** The same for one resource in every process, so that its entries keep their order (FNV-1a, 32 bits). */
function routeOf(resource: string): number {
  let code = 0x811c9dc5;
  for (let i = 0; i < resource.length; i += 1) code = Math.imul(code ^ resource.charCodeAt(i), 0x01000193);
  return code >>> 0;
}
