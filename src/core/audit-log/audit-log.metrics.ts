import { Injectable } from '@nestjs/common';
import { Metrics } from '../../infrastructure/metrics/index.js';
import type { AuditClass } from './audit-log.js';

/** What the audit log says of itself. Values that are cheaper to read than to keep are set by their owners. */
@Injectable()
export class AuditMetrics {
  readonly recorded;
  readonly dropped;
  readonly sent;
  readonly replayed;
  readonly written;
  readonly duplicates;
  readonly claimed;
  readonly deadLetters;
  readonly deadEntries;
  readonly trimmed;
  readonly vanished;
  readonly lag;
  readonly pending;
  readonly entries;
  readonly verified;
  readonly isIntact;
  readonly monthsRetained;
  readonly monthsRetired;
  readonly retirementFailures;

  constructor(private readonly metrics: Metrics) {
    this.recorded = metrics.tallies({
      name: 'audit_recorded_total',
      help: 'Events given to the audit log by class; business events are counted when they are written',
      label: 'class',
      values: ['access', 'security'] as const satisfies AuditClass[],
    });
    this.dropped = metrics.tallies({
      name: 'audit_dropped_total',
      help: 'Events that nothing could take',
      label: 'class',
      values: ['access', 'security'] as const satisfies AuditClass[],
    });
    this.sent = metrics.counter({
      name: 'audit_sent_total',
      help: 'Events handed on by where to',
      labelNames: ['to'],
    });
    this.replayed = metrics.counter({ name: 'audit_replayed_total', help: 'Events sent from the spool' });
    this.written = metrics.counter({
      name: 'audit_written_total',
      help: 'Entries appended to the chains by where they came from',
      labelNames: ['source'],
    });
    this.duplicates = metrics.counter({
      name: 'audit_duplicates_total',
      help: 'Entries that came again and were left out',
    });
    this.claimed = metrics.counter({
      name: 'audit_claimed_total',
      help: 'Stream entries taken over from a consumer that did not acknowledge them',
    });
    this.deadLetters = metrics.counter({
      name: 'audit_dead_letters_total',
      help: 'Entries that could not be written and were put aside',
    });
    this.deadEntries = metrics.gauge({
      name: 'audit_dead_letter_entries',
      help: 'Entries that lie aside, in all partitions, as of the last health check',
    });
    this.trimmed = metrics.counter({
      name: 'audit_trimmed_total',
      help: 'Acknowledged stream entries removed',
    });
    this.vanished = metrics.counter({
      name: 'audit_vanished_total',
      help: 'Stream entries that were gone before they were acknowledged: somebody trimmed the stream',
    });
    this.lag = metrics.gauge({
      name: 'audit_lag_seconds',
      help: 'Age of the oldest entry that is not in PostgreSQL',
      labelNames: ['chain'],
    });
    this.pending = metrics.gauge({
      name: 'audit_pending_entries',
      help: 'Stream entries that were delivered and not acknowledged',
      labelNames: ['chain'],
    });
    this.entries = metrics.gauge({
      name: 'audit_stream_entries',
      help: 'Entries of a stream, each of up to 100 events',
      labelNames: ['chain'],
    });
    this.verified = metrics.counter({
      name: 'audit_verified_total',
      help: 'Entries whose links were checked in the background',
    });
    this.isIntact = metrics.gauge({
      name: 'audit_verify_result',
      help: '1 while every link that was checked in the background holds, 0 when one does not',
      labelNames: ['chain'],
    });
    this.monthsRetained = metrics.gauge({
      name: 'audit_months_retained',
      help: 'Months of the table of the audit log, the present one included, as the process that retires them sees it',
    });
    this.monthsRetired = metrics.counter({
      name: 'audit_months_retired_total',
      help: 'Months that were detached',
    });
    this.retirementFailures = metrics.counter({
      name: 'audit_retirement_failures_total',
      help: 'Times that a month over its time stayed, by reason',
      labelNames: ['reason'],
    });
  }

  /** Read at each scrape. */
  watch(sources: { buffered: () => number; spoolBytes: () => number; owned: () => number }): void {
    const gauge = (name: string, help: string, read: () => number) => {
      this.metrics.reading({ name, help, read });
    };
    gauge('audit_buffer_events', 'Events that wait in memory', sources.buffered);
    gauge('audit_spool_bytes', 'Events that wait on the disk', sources.spoolBytes);
    gauge('audit_chains_owned', 'Chains that this process appends to', sources.owned);
  }
}
