import { Injectable, Optional } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { type Prisma, SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import type { NewEvent } from './domain-event.js';
import { OutboxBell } from './outbox-bell.js';

const INSERT = `
  INSERT INTO outbox_events (id, type, aggregate_id, payload, audit)
  SELECT id, type, aggregate_id, payload, audit
  FROM jsonb_to_recordset($1::jsonb) AS e (id uuid, type text, aggregate_id uuid, payload jsonb, audit text)`;

/** Writes events in the transaction of their cause: they leave if, and only if, it commits. */
@Injectable()
export class EventOutbox {
  /** Tools have no bell: what they write is found when the relay looks next. */
  constructor(@Optional() private readonly bell?: OutboxBell) {}

  /** One statement for any number of events. */
  async append(
    transaction: SqlTransaction | Prisma.TransactionClient,
    events: readonly NewEvent[],
  ): Promise<void> {
    if (events.length === 0) return;
    this.bell?.ring();
    const rows = JSON.stringify(
      events.map(({ type, aggregateId, payload, audit }) => ({
        id: newId(),
        type,
        aggregate_id: aggregateId,
        payload,
        audit,
      })),
    );
    if (transaction instanceof SqlTransaction) await transaction.execute(INSERT, [rows]);
    else await transaction.$executeRawUnsafe(INSERT, rows);
  }
}
