import { Injectable, Optional } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { type Prisma, SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { activeTracing, parseTraceparent } from '../../infrastructure/tracing/index.js';
import type { NewEvent } from './domain-event.js';
import { OutboxBell } from './outbox-bell.js';

const INSERT = `
  WITH batch AS (INSERT INTO outbox_batches (id, events) VALUES ($1::uuid, $2::integer) RETURNING id, created_at)
  INSERT INTO outbox_events (
    id, type, aggregate_id, payload, created_at, batch_id, is_broadcast, audit, traceparent)
  SELECT e.id, type, aggregate_id, payload, batch.created_at, batch.id, is_broadcast, audit, traceparent
  FROM batch, jsonb_to_recordset($3::jsonb) AS e (
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

  /** One statement for any number of events, which leave together. */
  async append(
    transaction: SqlTransaction | Prisma.TransactionClient,
    events: readonly NewEvent[],
  ): Promise<void> {
    if (events.length === 0) return;
    this.bell?.ring();
    const rows = JSON.stringify(
      this.tracing === null ? events.map(rowOf) : tracedRows(events, this.tracing.traceparent()),
    );
    const values = [newId(), events.length, rows];
    if (transaction instanceof SqlTransaction) await transaction.execute(INSERT, values);
    else await transaction.$executeRawUnsafe(INSERT, ...values);
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
