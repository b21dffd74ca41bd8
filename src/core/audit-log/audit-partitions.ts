import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PartitionKeeper } from '../partitioning/index.js';

const MONTHS_AHEAD = 2;

/** Months are made ahead. None is ever removed: a chain without its beginning proves nothing. */
@Injectable()
export class AuditPartitions implements OnModuleInit {
  constructor(private readonly partitions: PartitionKeeper) {}

  onModuleInit(): void {
    this.partitions.register({
      name: 'audit_entries',
      unit: 'month',
      ahead: MONTHS_AHEAD,
      keep: 0,
      retire: () => Promise.reject(new Error('months of the audit log are kept')),
    });
  }
}
