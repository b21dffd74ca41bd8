import { Injectable } from '@nestjs/common';
import { newId } from '../../../common/ids.js';
import {
  OptimizedPrismaService,
  type SqlTransaction,
} from '../../../infrastructure/database/prisma/index.js';
import { EventOutbox, type NewEvent } from '../../events/index.js';
import { type AttachedPartition, attachedPartitions } from '../../partitioning/index.js';
import { auditedBySystem, auditNote } from '../audit-origin.js';
import { MonthRefusedError } from './retention.errors.js';
import { type RetirementRecord, retirementName } from './retirement-record.js';

const TABLE = 'audit_entries';
/**
 * Who waits for the lock of the whole table has everybody else wait behind itself, the sink too: no longer
 * than this. DETACH ... CONCURRENTLY would need no such lock, and is not possible beside a default partition.
 */
const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '100ms'`;

/** The last position of each chain that has entries of a time. */
export type LastPositions = ReadonlyMap<number, number>;

/** The chains that have entries before the time, one after the other, by the index and not by reading them. */
const LASTS = `
  WITH RECURSIVE chains AS (
    (SELECT chain FROM audit_entries WHERE occurred_at < $1 ORDER BY chain LIMIT 1)
    UNION ALL
    SELECT (SELECT e.chain FROM audit_entries e WHERE e.occurred_at < $1 AND e.chain > chains.chain
            ORDER BY e.chain LIMIT 1)
    FROM chains WHERE chains.chain IS NOT NULL)
  SELECT chain, (SELECT max(e.seq) FROM audit_entries e WHERE e.occurred_at < $1 AND e.chain = chains.chain) AS last
  FROM chains WHERE chain IS NOT NULL ORDER BY chain`;

/** The months of the table of the audit log: which there are, and how one is taken out. */
@Injectable()
export class AuditMonths {
  constructor(
    private readonly database: OptimizedPrismaService,
    private readonly outbox: EventOutbox,
  ) {}

  /** The oldest first. */
  attached(): Promise<AttachedPartition[]> {
    return attachedPartitions(this.database, TABLE, 'month');
  }

  /** By the clock of PostgreSQL. */
  async now(): Promise<Date> {
    const [row] = await this.database.sqlTransaction((transaction) =>
      transaction.query<{ now: Date }>('SELECT now() AS now'),
    );
    return row?.now ?? new Date(0);
  }

  lastsBefore(time: Date): Promise<LastPositions> {
    return this.database.sqlTransaction((transaction) => readLasts(transaction, time));
  }

  /**
   * Detaches the month and says so, in one transaction: the record, and an event for the audit log itself.
   * What lies in the default partition and is older than the end of the month goes with it.
   * @throws MonthRefusedError when something has come to the month since it was reviewed; PostgreSQL's error
   * when the table is in use (55P03): try again later.
   */
  async detach(
    { partition, from, to }: AttachedPartition,
    record: RetirementRecord,
    line: string,
    lasts: LastPositions,
  ): Promise<void> {
    await this.database.sqlTransaction(async (transaction) => {
      await transaction.execute(LOCK_TIMEOUT);
      await transaction.execute(`LOCK TABLE ONLY ${TABLE} IN ACCESS EXCLUSIVE MODE`);
      if (!areEqual(await readLasts(transaction, to), lasts)) throw new MonthRefusedError('changed');
      if (!(await hasBounds(transaction, partition, from, to))) throw new MonthRefusedError('changed');
      await transaction.execute(`DELETE FROM ${TABLE}_default WHERE occurred_at < $1`, [to]);
      await transaction.execute(`ALTER TABLE ${TABLE} DETACH PARTITION ${partition}`);
      await transaction.execute(
        `INSERT INTO audit_retirements (name, month, record) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET record = excluded.record, retired_at = now(), dropped_at = NULL`,
        [retirementName(record), record.month, line],
      );
      await this.outbox.append(transaction, [eventOf(record)]);
    });
  }

  /** Drops the tables of detached months, also of those that a process before this one did not come to. */
  async dropDetached(): Promise<readonly string[]> {
    return this.database.sqlTransaction(async (transaction) => {
      await transaction.execute(LOCK_TIMEOUT);
      // One that was attached again, by hand or by a backup, is a month of the table like any other.
      const rows = await transaction.query<{ month: string }>(
        `SELECT DISTINCT month FROM audit_retirements r WHERE dropped_at IS NULL AND NOT EXISTS (
           SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass('${TABLE}_' || r.month))
         ORDER BY month`,
      );
      const months = rows.map(({ month }) => month).filter((month) => /^\d{6}$/.test(month));
      for (const month of months) {
        await transaction.execute(`DROP TABLE IF EXISTS ${TABLE}_${month}`);
        await transaction.execute('UPDATE audit_retirements SET dropped_at = now() WHERE month = $1', [
          month,
        ]);
      }
      return months;
    });
  }

  /** The signed records that PostgreSQL has. */
  async records(): Promise<string[]> {
    const rows = await this.database.sqlTransaction((transaction) =>
      transaction.query<{ record: string }>('SELECT record FROM audit_retirements ORDER BY name'),
    );
    return rows.map(({ record }) => record);
  }
}

async function readLasts(transaction: SqlTransaction, time: Date): Promise<LastPositions> {
  const rows = await transaction.query<{ chain: number; last: string }>(LASTS, [time]);
  return new Map(rows.map(({ chain, last }) => [chain, Number(last)]));
}

const areEqual = (a: LastPositions, b: LastPositions): boolean =>
  a.size === b.size && [...a].every(([chain, last]) => b.get(chain) === last);

/** Whether the partition holds what its name promises, whoever named it. */
async function hasBounds(
  transaction: SqlTransaction,
  partition: string,
  from: Date,
  to: Date,
): Promise<boolean> {
  await transaction.execute(`SET LOCAL timezone TO 'UTC'; SET LOCAL datestyle TO 'ISO'`);
  const text = (time: Date) => `'${time.toISOString().slice(0, 19).replace('T', ' ')}+00'`;
  const rows = await transaction.query(
    `SELECT 1 FROM pg_class WHERE oid = $1::regclass AND pg_get_expr(relpartbound, oid) = $2`,
    [partition, `FOR VALUES FROM (${text(from)}) TO (${text(to)})`],
  );
  return rows.length > 0;
}

function eventOf({ month, entries, archive }: RetirementRecord): NewEvent {
  return {
    type: 'audit.month-retired.v1',
    aggregateId: newId(),
    payload: { month, entries },
    isBroadcast: false,
    audit: auditNote({
      ...auditedBySystem('audit-retention'),
      action: 'audit.month-retired',
      resource: `audit-month:${month}`,
      after: { entries, archive: archive?.file ?? null, sha256: archive?.sha256 ?? null },
    }),
  };
}
