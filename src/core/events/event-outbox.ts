import { Injectable, Optional } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { type Prisma, SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { activeTracing, parseTraceparent } from '../../infrastructure/tracing/index.js';
import type { NewEvent } from './domain-event.js';
import { OutboxBell } from './outbox-bell.js';

const INSERT = `
  INSERT INTO outbox_events (id, type, aggregate_id, payload, is_broadcast, audit, traceparent)
  SELECT id, type, aggregate_id, payload, is_broadcast, audit, traceparent
  FROM jsonb_to_recordset($1::jsonb) AS e (
    id uuid, type text, aggregate_id uuid, payload jsonb, is_broadcast boolean, audit text, traceparent text)`;

/** Writes events in the transaction of their cause: they leave if, and only if, it commits. */
@Injectable()
export class EventOutbox {
  private readonly tracing = activeTracing();

  /** Tools have no bell: what they write is found when the relay looks next. */
  constructor(@Optional() private readonly bell?: OutboxBell) {}

  /** Whether events carry the trace of what caused them; who works for many requests names it of each event then. */
  get isTraced(): boolean {
    return this.tracing !== null;
  }

  /** One statement for any number of events. */
  async append(
    transaction: SqlTransaction | Prisma.TransactionClient,
    events: readonly NewEvent[],
  ): Promise<void> {
    if (events.length === 0) return;
    this.bell?.ring();
    const rows = JSON.stringify(
      this.tracing === null ? events.map(rowOf) : tracedRows(events, this.tracing.traceparent()),
    );
    if (transaction instanceof SqlTransaction) await transaction.execute(INSERT, [rows]);
    else await transaction.$executeRawUnsafe(INSERT, rows);
  }
}

function rowOf({ type, aggregateId, payload, isBroadcast, audit }: NewEvent) {
  return { id: newId(), type, aggregate_id: aggregateId, payload, is_broadcast: isBroadcast, audit };
}

/** A trace that its caller does not record ends here, and is not worth its bytes. */
function tracedRows(events: readonly NewEvent[], present: string | null) {
  return events.map((event) => {
    const { traceparent = present } = event;
    const isRecorded = parseTraceparent(traceparent)?.isSampled === true;
    return { ...rowOf(event), traceparent: isRecorded ? traceparent : null };
  });
}
