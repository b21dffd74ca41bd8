import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { JobRunner } from '../jobs/index.js';
import {
  type PartitionPeriod,
  type PartitionUnit,
  periodOf,
  periodOfSuffix,
  shift,
} from './partition-period.js';

export interface PartitionedTable {
  readonly name: string;
  readonly unit: PartitionUnit;
  /** Periods made ahead of the present one. */
  readonly ahead: number;
  /** Full periods that are kept besides the present one; 0 keeps all. */
  readonly keep: number;
  /** What happens to a period that is over its time, inside one transaction. */
  readonly retire: (transaction: SqlTransaction, partition: RetiredPartition) => Promise<void>;
}

export interface RetiredPartition extends PartitionPeriod {
  readonly table: string;
  readonly partition: string;
}

const INTERVAL_MS = 3_600_000;

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
      for (const partition of await this.list(table)) {
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

  private async list({ name, unit }: PartitionedTable): Promise<RetiredPartition[]> {
    const rows = await this.database.write.$queryRawUnsafe<{ partition: string }[]>(
      `SELECT c.relname::text AS partition FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = $1::regclass AND c.relname <> $1 || '_default' ORDER BY c.relname`,
      name,
    );
    return rows.map(({ partition }) => ({
      table: name,
      partition,
      ...periodOfSuffix(partition.slice(name.length + 1), unit),
    }));
  }

  private async retire(table: PartitionedTable, partition: RetiredPartition): Promise<void> {
    await this.database.sqlTransaction((transaction) => table.retire(transaction, partition));
    this.logger.info({ partition: partition.partition }, 'a partition was retired');
  }
}
