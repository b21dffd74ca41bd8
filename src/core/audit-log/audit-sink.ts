import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import {
  isUniqueViolation,
  OptimizedPrismaService,
  type SqlTransaction,
} from '../../infrastructure/database/prisma/index.js';
import { activeTracing, type SpanAttributes } from '../../infrastructure/tracing/index.js';
import { type ChainedEntry, type ChainHead, ChainLinks } from './audit-chain.js';
import { type AuditEntry, LINE_SEPARATOR, timeOfId, traceparentOf } from './audit-entry.js';
import { ChainLostError } from './audit-log.errors.js';
import { OUTBOX_CHAIN } from './audit-stream.js';

/** Entries of one statement. */
const PART_ENTRIES = 1000;

/** The right to append to a chain, and its last link as far as the owner knows. */
export interface OwnedChain extends ChainHead {
  readonly chain: number;
  readonly owner: string;
  readonly leaseMs: number;
}

export interface Appended {
  readonly head: OwnedChain;
  /** Entries that were in the table already. */
  readonly duplicates: number;
}

/**
 * Appends entries to their chains. A batch is one transaction, each statement of which moves the chain's row
 * on from the position that the owner believes in and inserts its entries, or, when the row says otherwise,
 * does neither, which gives up the whole. So a chain cannot fork, whoever believes to own it, and a lost lease costs an error and no harm.
 *
 * An id is in the table once. The plain insert takes care of that, because its time is a function of the
 * id; when it fails, or when the batch may have been delivered before, those that are there are left out.
 */
@Injectable()
export class AuditSink {
  private readonly links: ChainLinks;
  private readonly tracing = activeTracing();

  constructor(
    { secrets }: AppConfig,
    private readonly database: OptimizedPrismaService,
  ) {
    this.links = new ChainLinks(secrets);
  }

  /**
   * Makes the caller the owner of a chain, or keeps it so; null while another one's lease runs.
   * `force` takes the chain from whoever has it, for callers that are alone by other means.
   */
  async take(
    chain: number,
    owner: string,
    { leaseMs, force = false }: { leaseMs: number; force?: boolean },
  ): Promise<OwnedChain | null> {
    const [row] = await this.database.sqlTransaction((transaction) =>
      transaction.query<{ seq: string; hash: string }>(
        `INSERT INTO audit_chains AS c (chain, owner, owned_until)
         VALUES ($1, $2, now() + make_interval(secs => $3::double precision / 1000))
         ON CONFLICT (chain) DO UPDATE SET owner = excluded.owner, owned_until = excluded.owned_until
           WHERE $4 OR c.owner IS NULL OR c.owner = excluded.owner OR c.owned_until < now()
         RETURNING seq, coalesce(encode(hash, 'hex'), '') AS hash`,
        [chain, owner, leaseMs, force],
      ),
    );
    return row === undefined ? null : { chain, owner, leaseMs, seq: Number(row.seq), hash: row.hash };
  }

  /** Those of the chains that nobody else has at present. */
  async free(chains: readonly number[], owner: string): Promise<ReadonlySet<number>> {
    const rows = await this.database.sqlTransaction((transaction) =>
      transaction.query<{ chain: number }>(
        `SELECT wanted.chain FROM unnest($1::smallint[]) AS wanted (chain) WHERE NOT EXISTS (
           SELECT 1 FROM audit_chains c
           WHERE c.chain = wanted.chain AND c.owner <> $2 AND c.owned_until >= now())`,
        [chains, owner],
      ),
    );
    return new Set(rows.map(({ chain }) => chain));
  }

  /** Keeps the caller the owner of its chains; tells those that it still owns. */
  async renew(chains: readonly number[], owner: string, leaseMs: number): Promise<ReadonlySet<number>> {
    if (chains.length === 0) return new Set();
    const rows = await this.database.sqlTransaction((transaction) =>
      transaction.query<{ chain: number }>(
        `UPDATE audit_chains SET owned_until = now() + make_interval(secs => $3::double precision / 1000)
         WHERE chain = ANY ($1::smallint[]) AND owner = $2 RETURNING chain`,
        [chains, owner, leaseMs],
      ),
    );
    return new Set(rows.map(({ chain }) => chain));
  }

  /** Gives a chain up, so that another one need not wait for the end of the lease. */
  async release({ chain, owner }: OwnedChain): Promise<void> {
    await this.database.sqlTransaction((transaction) =>
      transaction.execute('UPDATE audit_chains SET owner = NULL WHERE chain = $1 AND owner = $2', [
        chain,
        owner,
      ]),
    );
  }

  /**
   * The entries in their order as the next links of the chain; committed when it resolves. One span with links
   * to the requests behind them.
   * @throws ChainLostError when the chain has another owner or another head than the caller believes.
   */
  async append(chain: OwnedChain, entries: readonly AuditEntry[], mayRepeat: boolean): Promise<Appended> {
    const { tracing } = this;
    if (tracing === null) return this.appendUntraced(chain, entries, mayRepeat);
    const attributes = attributesOf(chain, entries.length);
    const span = tracing.startBatch('process audit', 'consumer', attributes, entries.map(traceparentOf));
    if (span === null) return this.appendUntraced(chain, entries, mayRepeat);
    try {
      const appended = await tracing.run(span, () => this.appendUntraced(chain, entries, mayRepeat));
      span.end();
      return appended;
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  private async appendUntraced(
    chain: OwnedChain,
    entries: readonly AuditEntry[],
    mayRepeat: boolean,
  ): Promise<Appended> {
    if (!mayRepeat) {
      try {
        return await this.appendAll(chain, entries);
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
      }
    }
    return this.appendNew(chain, entries);
  }

  private async appendAll(chain: OwnedChain, entries: readonly AuditEntry[]): Promise<Appended> {
    if (entries.length === 0) return { head: chain, duplicates: 0 };
    const head = await this.database.sqlTransaction((transaction) =>
      this.insert(transaction, chain, entries),
    );
    return { head, duplicates: 0 };
  }

  private async appendNew(chain: OwnedChain, entries: readonly AuditEntry[]): Promise<Appended> {
    const wanted = [...new Map(entries.map((entry) => [entry.id, entry])).values()];
    const times = wanted.map(({ id }) => timeOfId(id));
    return this.database.sqlTransaction(async (transaction) => {
      // The row's lock first: whatever another owner has in hand is committed, and seen, or refused.
      await transaction.query('SELECT 1 FROM audit_chains WHERE chain = $1 FOR UPDATE', [chain.chain]);
      const known = await transaction.query<{ id: string }>(
        `SELECT id FROM audit_entries WHERE id = ANY ($1::uuid[])
           AND occurred_at BETWEEN to_timestamp($2::bigint / 1000.0) AND to_timestamp($3::bigint / 1000.0)`,
        [wanted.map(({ id }) => id), Math.min(...times), Math.max(...times)],
      );
      const ids = new Set(known.map(({ id }) => id));
      const fresh = wanted.filter(({ id }) => !ids.has(id));
      const duplicates = entries.length - fresh.length;
      if (fresh.length === 0) return { head: chain, duplicates };
      return { head: await this.insert(transaction, chain, fresh), duplicates };
    });
  }

  /** The next part is hashed while PostgreSQL has the one before in hand. */
  private async insert(
    transaction: SqlTransaction,
    chain: OwnedChain,
    entries: readonly AuditEntry[],
  ): Promise<OwnedChain> {
    let head = chain;
    const parts: Promise<void>[] = [];
    for (let from = 0; from < entries.length; from += PART_ENTRIES) {
      const links = this.links.extend(head, chain.chain, entries.slice(from, from + PART_ENTRIES));
      parts.push(insertLinks(transaction, head, links));
      const { seq, hash } = links.at(-1) ?? head;
      head = { ...head, seq, hash };
    }
    await Promise.all(parts);
    return head;
  }
}

/** By OpenTelemetry's conventions for messaging. */
function attributesOf({ chain }: OwnedChain, count: number): SpanAttributes {
  return {
    'messaging.system': chain === OUTBOX_CHAIN ? 'postgresql' : 'redis',
    'messaging.destination.name': 'audit',
    'messaging.destination.partition.id': String(chain),
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.batch.message_count': count,
  };
}

/** Columns travel as joined texts: an array's literal would be escaped here and parsed there, text by text. */
async function insertLinks(
  transaction: SqlTransaction,
  before: OwnedChain,
  links: readonly ChainedEntry[],
): Promise<void> {
  const last = links.at(-1) ?? before;
  const inserted = await transaction.execute(
    `WITH moved AS (
       UPDATE audit_chains SET seq = $1, hash = decode($2, 'hex'),
         owned_until = now() + make_interval(secs => $3::double precision / 1000)
       WHERE chain = $4 AND owner = $5 AND seq = $6 RETURNING chain)
     INSERT INTO audit_entries (id, occurred_at, chain, seq, actor, action, resource, details, hash)
     SELECT e.id::uuid, to_timestamp(e.ms::double precision / 1000), moved.chain, $6::bigint + e.n,
       e.actor, e.action, e.resource, e.details::jsonb, substr($7::bytea, (e.n * 32 - 31)::integer, 32)
     FROM moved, unnest(string_to_array($8, $14), string_to_array($9, $14), string_to_array($10, $14),
         string_to_array($11, $14), string_to_array($12, $14), string_to_array($13, $14))
       WITH ORDINALITY AS e (id, ms, actor, action, resource, details, n)
     WHERE e.n <= $1 - $6`,
    [
      last.seq,
      last.hash,
      before.leaseMs,
      before.chain,
      before.owner,
      before.seq,
      Buffer.from(links.map(({ hash }) => hash).join(''), 'hex'),
      column(links, ({ id }) => id),
      column(links, ({ timeMs }) => timeMs),
      column(links, ({ actor }) => actor),
      column(links, ({ action }) => action),
      column(links, ({ resource }) => resource),
      column(links, ({ details }) => details),
      LINE_SEPARATOR,
    ],
  );
  if (inserted !== links.length) throw new ChainLostError(before.chain);
}

/** With a separator at the end too, because of an empty text PostgreSQL makes no array of one empty text. */
function column(links: readonly ChainedEntry[], read: (link: ChainedEntry) => string | number): string {
  return links.map(read).join(LINE_SEPARATOR) + LINE_SEPARATOR;
}
