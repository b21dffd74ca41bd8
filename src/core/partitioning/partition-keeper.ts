import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import {
  isDatabaseUnavailable,
  OptimizedPrismaService,
  type SqlTransaction,
} from '../../infrastructure/database/prisma/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { JobRunner } from '../jobs/index.js';
import { type AttachedPartition, attachedPartitions } from './attached-partitions.js';
import { type PartitionPeriod, type PartitionUnit, periodOf, shift } from './partition-period.js';

export interface PartitionedTable {
  readonly name: string;
  readonly unit: PartitionUnit;
  /** Periods made ahead of the present one. */
  readonly ahead: number;
  /** Full periods that are kept besides the present one; 0 keeps all. */
  readonly keep: number;
  /** What happens to a period that is over its time, inside one transaction. */
  readonly retire: (transaction: SqlTransaction, partition: AttachedPartition) => Promise<void>;
}

const INTERVAL_MS = 3_600_000;
/** Whoever waits for the lock of a table has everybody else wait behind itself: no longer than this. */
const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '100ms'`;

/**
 * Makes the partitions of tables that grow without end before they are needed, and retires those whose
 * time is over. Rows that find no partition go to the default one and are counted: that is an alert.
 */
@Injectable()
export class PartitionKeeper implements OnModuleInit {
  private readonly tables: PartitionedTable[] = [];
  private readonly strays;

  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly jobs: JobRunner,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.strays = metrics.gauge({
      name: 'database_partition_strays',
      help: 'Rows that found no partition of their own',
      labelNames: ['table'],
    });
  }

  onModuleInit(): void {
    this.jobs.register({
      name: 'partition-keeper',
      intervalMs: INTERVAL_MS,
      isSingleton: true,
      run: async () => {
        for (const table of this.tables) await this.keep(table);
        return false;
      },
    });
  }

  register(table: PartitionedTable): void {
    this.tables.push(table);
  }

  private async keep(table: PartitionedTable): Promise<void> {
    const present = periodOf(this.clock.now(), table.unit);
    for (let i = 0; i <= table.ahead; i += 1) await this.ensure(table.name, shift(present, table.unit, i));
    if (table.keep > 0) {
      const oldestKept = shift(present, table.unit, -table.keep);
      for (const partition of await attachedPartitions(this.database, table.name, table.unit)) {
        if (partition.from.getTime() < oldestKept.from.getTime()) await this.retire(table, partition);
      }
    }
    const [strays] = await this.database.write.$queryRawUnsafe<{ count: number }[]>(
      `SELECT count(*)::integer AS count FROM ${table.name}_default`,
    );
    this.strays.set({ table: table.name }, strays?.count ?? 0);
  }

  private async ensure(table: string, { from, to, suffix }: PartitionPeriod): Promise<void> {
    await this.database.write.$executeRawUnsafe(
      'SELECT ensure_partition($1, $2::timestamptz, $3::timestamptz, $4)',
      table,
      from.toISOString(),
      to.toISOString(),
      suffix,
    );
  }

  private async retire(table: PartitionedTable, partition: AttachedPartition): Promise<void> {
    try {
      await this.database.sqlTransaction(async (transaction) => {
        await transaction.execute(LOCK_TIMEOUT);
        await table.retire(transaction, partition);
      });
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      this.logger.warn(
        { partition: partition.partition, reason: String(error) },
        'a partition in use stays until the next run',
      );
      return;
    }
    this.logger.info({ partition: partition.partition }, 'a partition was retired');
  }
}
