import type { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { type PartitionPeriod, type PartitionUnit, periodOfSuffix } from './partition-period.js';

export interface AttachedPartition extends PartitionPeriod {
  readonly table: string;
  readonly partition: string;
}

/** The partitions that a table has at present, the oldest first; the default one is not among them. */
export async function attachedPartitions(
  database: OptimizedPrismaService,
  table: string,
  unit: PartitionUnit,
): Promise<AttachedPartition[]> {
  const rows = await database.write.$queryRawUnsafe<{ partition: string }[]>(
    `SELECT c.relname::text AS partition FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = $1::regclass AND c.relname <> $1 || '_default' ORDER BY c.relname`,
    table,
  );
  return rows.map(({ partition }) => ({
    table,
    partition,
    ...periodOfSuffix(partition.slice(table.length + 1), unit),
  }));
}
