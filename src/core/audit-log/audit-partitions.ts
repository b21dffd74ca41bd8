import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { JobRunner } from '../jobs/index.js';
import { PartitionKeeper } from '../partitioning/index.js';
import { AuditRetention } from './retention/audit-retention.js';

const MONTHS_AHEAD = 2;

/**
 * Months are made ahead, and taken out by a job of their own: a chain without its beginning proves nothing
 * unless it was read before, and that takes longer than a transaction.
 */
@Injectable()
export class AuditPartitions implements OnModuleInit {
  constructor(
    private readonly config: AppConfig,
    private readonly partitions: PartitionKeeper,
    private readonly jobs: JobRunner,
    private readonly retention: AuditRetention,
  ) {}

  onModuleInit(): void {
    this.partitions.register({
      name: 'audit_entries',
      unit: 'month',
      ahead: MONTHS_AHEAD,
      keep: 0,
      retire: () => Promise.reject(new Error('months of the audit log are retired elsewhere')),
    });
    if (!this.config.env.FEATURE_AUDIT_LOG) return;
    this.jobs.register({
      name: 'audit-retention',
      intervalMs: () => this.retention.intervalMs,
      isSingleton: true,
      run: () => this.retention.run(),
    });
  }
}
