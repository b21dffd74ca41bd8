import { Injectable } from '@nestjs/common';
import type { SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { IDEMPOTENCY_TTL_HOURS, type IdempotencyScope } from './idempotency-key.js';

/** The answer that a key has for ever (for {@link IDEMPOTENCY_TTL_HOURS}): the same status, the same bytes. */
export interface StoredAnswer {
  readonly fingerprint: Buffer;
  readonly status: number;
  readonly body: string;
}

export interface NewAnswer extends StoredAnswer {
  readonly scope: IdempotencyScope;
}

interface RecordRow {
  principal_id: string;
  route: string;
  key: string;
  fingerprint: Buffer;
  status: number;
  body: string;
}

/**
 * Stored answers in PostgreSQL, written in the transaction of the effect they answer for.
 *
 * A scope is claimed by an advisory lock that ends with the transaction: whoever does not get it
 * knows that the same key is being decided elsewhere, without waiting and without blocking others. With
 * the lock held, {@link find} sees every answer ever committed for the scope, and no other transaction
 * can add one, so a process that dies between any two steps leaves either everything or nothing.
 */
@Injectable()
export class IdempotencyStore {
  /** For each scope, whether this transaction now owns it. One statement. */
  async claim(transaction: SqlTransaction, scopes: readonly IdempotencyScope[]): Promise<boolean[]> {
    const rows = await transaction.query<{ claimed: boolean }>(
      `SELECT pg_try_advisory_xact_lock(lock_id) AS claimed
       FROM unnest($1::bigint[]) WITH ORDINALITY AS s (lock_id, position) ORDER BY position`,
      [scopes.map(({ lockId }) => lockId)],
    );
    return rows.map(({ claimed }) => claimed);
  }

  /** The stored answers of claimed scopes, in their order; null where there is none. One statement. */
  async find(
    transaction: SqlTransaction,
    scopes: readonly IdempotencyScope[],
  ): Promise<(StoredAnswer | null)[]> {
    const rows = await transaction.query<RecordRow>(
      `SELECT r.principal_id, r.route, r.key, r.fingerprint, r.status, r.body
       FROM unnest($1::uuid[], $2::text[], $3::text[]) AS s (principal_id, route, key)
       JOIN idempotency_records r USING (principal_id, route, key)
       WHERE r.created_at > now() - make_interval(hours => ${String(IDEMPOTENCY_TTL_HOURS)})`,
      columnsOf(scopes),
    );
    const found = new Map(rows.map((row) => [`${row.principal_id}\n${row.route}\n${row.key}`, row]));
    return scopes.map((scope) => found.get(`${scope.principalId}\n${scope.route}\n${scope.key}`) ?? null);
  }

  /** Stores the answers of claimed scopes that have none. One statement. */
  async record(transaction: SqlTransaction, answers: readonly NewAnswer[]): Promise<void> {
    if (answers.length === 0) return;
    // One document: an array of texts would have each quotation mark of each body escaped in JavaScript.
    await transaction.execute(
      `INSERT INTO idempotency_records (principal_id, route, key, fingerprint, status, body)
       SELECT principal_id, route, key, decode(fingerprint, 'hex'), status, body
       FROM json_to_recordset($1::json) AS r (
         principal_id uuid, route text, key text, fingerprint text, status smallint, body text)
       ON CONFLICT (principal_id, route, key) DO UPDATE
         SET fingerprint = excluded.fingerprint, status = excluded.status, body = excluded.body, created_at = now()`,
      [
        JSON.stringify(
          answers.map(({ scope, fingerprint, status, body }) => ({
            principal_id: scope.principalId,
            route: scope.route,
            key: scope.key,
            fingerprint: fingerprint.toString('hex'),
            status,
            body,
          })),
        ),
      ],
    );
  }
}

function columnsOf(scopes: readonly IdempotencyScope[]): [string[], string[], string[]] {
  return [
    scopes.map(({ principalId }) => principalId),
    scopes.map(({ route }) => route),
    scopes.map(({ key }) => key),
  ];
}
