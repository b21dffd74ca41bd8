import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { type PaymentIntent, paymentIntentMachine, type PaymentIntentStatus } from './payment-intent.js';

export type NewPaymentIntent = Omit<PaymentIntent, 'id' | 'status'>;

interface IntentRow {
  id: string;
  order_id: string;
  provider: string;
  status: PaymentIntentStatus;
  amount_minor: string;
  currency: string;
  idempotency_key: string;
  request_fingerprint: Buffer;
}

const COLUMNS =
  'id, order_id, provider, status, amount_minor::text, currency, idempotency_key, request_fingerprint';

/** The row of the order is locked by every caller that changes one of its intents. */
@Injectable()
export class PaymentIntentsRepository {
  constructor(private readonly database: OptimizedPrismaService) {}

  async findAll(transaction: SqlTransaction, orderId: string): Promise<PaymentIntent[]> {
    const rows = await transaction.query<IntentRow>(
      `SELECT ${COLUMNS} FROM payment_intents WHERE order_id = $1 ORDER BY id`,
      [orderId],
    );
    return rows.map(toIntent);
  }

  async insert(transaction: SqlTransaction, intent: NewPaymentIntent): Promise<PaymentIntent> {
    const id = newId();
    await transaction.execute(
      `INSERT INTO payment_intents
         (id, order_id, provider, amount_minor, currency, idempotency_key, request_fingerprint)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        id,
        intent.orderId,
        intent.provider,
        intent.amountMinor,
        intent.currency,
        intent.idempotencyKey,
        intent.requestFingerprint,
      ],
    );
    return { ...intent, id, status: 'processing' };
  }

  /** Moves an intent along; false when its present status does not allow it. */
  async transition(transaction: SqlTransaction, intentId: string, to: PaymentIntentStatus): Promise<boolean> {
    const changed = await transaction.execute(
      `UPDATE payment_intents SET status = $2, attempts = attempts + 1, updated_at = now()
       WHERE id = $1 AND status = ANY ($3::text[])`,
      [intentId, to, paymentIntentMachine.sourcesOf(to)],
    );
    return changed === 1;
  }

  /** Intents without an outcome, or with a refund that is due, that nobody has touched for a while. */
  async listUnsettled(olderThanMs: number, limit: number): Promise<PaymentIntent[]> {
    const rows = await this.database.write.$queryRawUnsafe<IntentRow[]>(
      `SELECT ${COLUMNS} FROM payment_intents
       WHERE status IN ('processing', 'refund_pending')
         AND updated_at < now() - make_interval(secs => $1::double precision / 1000)
       ORDER BY updated_at LIMIT ${String(limit)}`,
      olderThanMs,
    );
    return rows.map(toIntent);
  }

  /** Puts the next look at an intent off by one interval. */
  async touch(intentId: string): Promise<void> {
    await this.database.write.$executeRawUnsafe(
      'UPDATE payment_intents SET updated_at = now(), attempts = attempts + 1 WHERE id = $1::uuid',
      intentId,
    );
  }
}

function toIntent(row: IntentRow): PaymentIntent {
  return {
    id: row.id,
    orderId: row.order_id,
    provider: row.provider,
    status: row.status,
    amountMinor: Number(row.amount_minor),
    currency: row.currency,
    idempotencyKey: row.idempotency_key,
    requestFingerprint: Buffer.from(row.request_fingerprint),
  };
}
