import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { AppConfig } from '../../config/index.js';
import { isDatabaseUnavailable } from '../../infrastructure/database/prisma/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { OutboxTaps, type TappedEvent } from '../events/index.js';
import { AuditCheckpoints } from './audit-checkpoints.js';
import { type AuditEntry, FIELD_SEPARATOR, parseEntry } from './audit-entry.js';
import { ChainLostError } from './audit-log.errors.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditSink, type OwnedChain } from './audit-sink.js';
import { OUTBOX_CHAIN } from './audit-stream.js';

/** The relay is alone by a lease of its own; this one only fences its predecessor off. */
const LEASE_MS = 10_000;
/** The chain may have moved while the answer of its last append was lost. */
const ATTEMPTS = 3;

/**
 * Takes what the outbox says for the audit log to the chain of the outbox, before the relay marks the events
 * as published. The entry has the id of its event: what comes again is left out. So an event that is
 * committed is in the audit log in the end, without Redis and without a second write in its transaction.
 */
@Injectable()
export class AuditOutbox implements OnModuleInit, OnModuleDestroy {
  private readonly owner = newId();
  private chain: OwnedChain | null = null;

  constructor(
    private readonly config: AppConfig,
    private readonly taps: OutboxTaps,
    private readonly sink: AuditSink,
    private readonly checkpoints: AuditCheckpoints,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
  ) {}

  onModuleInit(): void {
    if (this.config.env.FEATURE_AUDIT_LOG) this.taps.register((events) => this.take(events));
  }

  async onModuleDestroy(): Promise<void> {
    if (this.chain !== null) await this.sink.release(this.chain).catch(() => undefined);
  }

  private async take(events: readonly TappedEvent[]): Promise<void> {
    const entries = events.flatMap(({ id, audit }) => (audit === null ? [] : [entryOf(id, audit)]));
    if (entries.length === 0) return;
    try {
      await this.append(entries, false);
    } catch (error) {
      if (error instanceof ChainLostError || isDatabaseUnavailable(error)) throw error;
      for (const entry of entries) await this.appendOrReport(entry);
    }
    if (this.chain !== null) this.checkpoints.note(OUTBOX_CHAIN, this.chain);
  }

  /** One that cannot be written must not hold up all events of the shop; its row in the outbox stays. */
  private async appendOrReport(entry: AuditEntry): Promise<void> {
    try {
      await this.append([entry], true);
    } catch (error) {
      if (error instanceof ChainLostError || isDatabaseUnavailable(error)) throw error;
      this.metrics.deadLetters.inc();
      this.logger.error({ err: error, eventId: entry.id }, 'an audit entry of the outbox cannot be written');
    }
  }

  private async append(entries: readonly AuditEntry[], mayRepeat: boolean): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.chain ??= await this.sink.take(OUTBOX_CHAIN, this.owner, { leaseMs: LEASE_MS, force: true });
        if (this.chain === null) throw new ChainLostError(OUTBOX_CHAIN);
        const { head, duplicates } = await this.sink.append(this.chain, entries, mayRepeat || attempt > 1);
        this.chain = head;
        this.metrics.written.inc({ source: 'outbox' }, entries.length - duplicates);
        this.metrics.duplicates.inc(duplicates);
        return;
      } catch (error) {
        this.chain = null;
        if (!(error instanceof ChainLostError) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

function entryOf(id: string, audit: string): AuditEntry {
  const entry = parseEntry(id + FIELD_SEPARATOR + audit);
  if (entry === null) throw new Error('the outbox holds something else than an audit line');
  return entry;
}
