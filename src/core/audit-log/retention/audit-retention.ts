import { Injectable } from '@nestjs/common';
import { Clock } from '../../../common/clock.js';
import { AppConfig } from '../../../config/index.js';
import { isDatabaseUnavailable } from '../../../infrastructure/database/prisma/index.js';
import { Logger } from '../../../infrastructure/logging/index.js';
import { type AttachedPartition, periodOf, shift } from '../../partitioning/index.js';
import { AuditMetrics } from '../audit-log.metrics.js';
import { archiveLine, archiveSeal } from './archive-lines.js';
import { ArchiveWriter } from './archive-writer.js';
import { AuditMonths } from './audit-months.js';
import { type MonthReview, MonthReviewer } from './month-review.js';
import { MonthRefusedError, type Refusal } from './retention.errors.js';
import { type RetirementRecord, retirementName } from './retirement-record.js';
import { Retirements } from './retirements.js';

const INTERVAL_MS = 3_600_000;
/** A busy table is free again soon; what was reviewed is remembered until then. */
const BUSY_INTERVAL_MS = 5000;
/** After anything else that may mend by itself. */
const FAILED_INTERVAL_MS = 60_000;

interface PreparedMonth {
  readonly review: MonthReview;
  readonly record: RetirementRecord;
  readonly line: string;
}

/**
 * Retires the months of the audit log that are older than AUDIT_RETENTION_MONTHS, the oldest first, one a run:
 * 1. follows each chain up to its last entry of the month, and writes the entries to AUDIT_ARCHIVE_DIR meanwhile;
 * 2. signs what the month was, and keeps that beside the checkpoints;
 * 3. detaches the month, with the record and an event of the audit log, in one transaction;
 * 4. drops the detached table.
 * A process that dies between any two of them leaves files that the next run writes again, or a detached
 * table that it drops. Should two processes be at it, the second one's transaction finds no such partition.
 */
@Injectable()
export class AuditRetention {
  private prepared: PreparedMonth | null = null;
  private isToRetry = false;

  constructor(
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly months: AuditMonths,
    private readonly reviewer: MonthReviewer,
    private readonly retirements: Retirements,
    private readonly metrics: AuditMetrics,
    private readonly logger: Logger,
  ) {}

  get intervalMs(): number {
    if (this.prepared !== null) return BUSY_INTERVAL_MS;
    return this.isToRetry ? FAILED_INTERVAL_MS : INTERVAL_MS;
  }

  /** True when there may be another month to retire. */
  async run(): Promise<boolean> {
    this.isToRetry = false;
    try {
      return await this.runOnce();
    } catch (error) {
      const refused = error instanceof MonthRefusedError ? error : null;
      this.isToRetry = refused?.refusal !== 'tampered';
      this.metrics.retirementFailures.inc({ reason: refused?.refusal ?? 'failed' });
      if (refused === null) throw error;
      const fields = { reason: refused.refusal, fault: refused.fault, err: refused.cause };
      if (refused.refusal === 'tampered')
        this.logger.error(fields, 'a month of the audit log does not verify and is not retired');
      else this.logger.warn(fields, 'a month of the audit log could not be retired');
      return false;
    }
  }

  private async runOnce(): Promise<boolean> {
    await this.dropDetached();
    const month = await this.nextMonth();
    if (month === null) return false;
    this.prepared = this.prepared?.record.month === month.suffix ? this.prepared : await this.prepare(month);
    await this.detach(month, this.prepared);
    this.metrics.monthsRetired.inc();
    await this.dropDetached();
    return true;
  }

  /** The oldest month when its time is over; by two clocks, since what is dropped does not come back. */
  private async nextMonth(): Promise<AttachedPartition | null> {
    const nowMs = Math.min(this.clock.nowMs(), (await this.months.now()).getTime());
    const present = periodOf(new Date(nowMs), 'month');
    const attached = await this.months.attached();
    this.metrics.monthsRetained.set(attached.filter(({ from }) => from <= present.from).length);
    const { AUDIT_RETENTION_MONTHS: keep } = this.config.env;
    const [oldest] = attached;
    if (keep === 0 || oldest === undefined) return null;
    return oldest.from < shift(present, 'month', -keep).from ? oldest : null;
  }

  private async prepare(month: AttachedPartition): Promise<PreparedMonth> {
    const { review, record } = await this.writeOut(month);
    const line = this.retirements.seal(record);
    await asRefusal('record', () => this.retirements.keep(record, line));
    return { review, record, line };
  }

  private async writeOut(
    month: AttachedPartition,
  ): Promise<{ review: MonthReview; record: RetirementRecord }> {
    const describe = ({ entries, ranges }: MonthReview): RetirementRecord => ({
      month: month.suffix,
      at: this.clock.now().toISOString(),
      entries,
      ranges,
      archive: null,
    });
    const { AUDIT_ARCHIVE_DIR: directory } = this.config.env;
    if (directory === '') {
      const review = await this.reviewer.review(month.to, () => Promise.resolve());
      return { review, record: describe(review) };
    }
    const purpose = `audit-${month.suffix}`;
    const writer = await asRefusal('archive', () => ArchiveWriter.create(directory, purpose));
    try {
      const review = await this.reviewer.review(month.to, (entries) =>
        asRefusal('archive', () => writer.add(entries.map(archiveLine))),
      );
      const record = describe(review);
      const archive = await asRefusal('archive', async () => {
        await writer.add([archiveSeal(this.retirements.seal({ ...record, at: null }))]);
        return writer.finish(`audit-${retirementName(record)}.ndjson.gz`);
      });
      return { review, record: { ...record, archive } };
    } catch (error) {
      await writer.discard().catch(() => undefined);
      throw error;
    }
  }

  private async detach(month: AttachedPartition, { record, line, review }: PreparedMonth): Promise<void> {
    try {
      await this.months.detach(month, record, line, review.lasts);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw new MonthRefusedError('busy', null, error);
      this.prepared = null;
      throw error;
    }
    this.prepared = null;
    const { month: name, entries, archive } = record;
    this.logger.info({ month: name, entries, archive }, 'a month of the audit log was retired');
  }

  private async dropDetached(): Promise<void> {
    for (const month of await this.months.dropDetached())
      this.logger.info({ month }, 'the table of a retired month was dropped');
  }
}

async function asRefusal<T>(refusal: Refusal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new MonthRefusedError(refusal, null, error);
  }
}
