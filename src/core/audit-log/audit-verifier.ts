import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { type ChainHead, ChainLinks } from './audit-chain.js';
import type { AuditCheckpoint } from './audit-checkpoint.js';
import { type ChainFault, ChainVerifier, type StoredEntry } from './chain-verifier.js';

export interface ChainReport {
  readonly chain: number;
  /** Links that were checked in this run. */
  readonly count: number;
  /** The last link that holds. */
  readonly head: ChainHead;
  /** Null when the chain is what was written. */
  readonly fault: ChainFault | null;
  /** No checkpoint stands for any of its links: a tail that was cut off would not be seen. */
  readonly isUnattested: boolean;
}

interface Row {
  id: string;
  time_ms: string;
  seq: string;
  actor: string;
  action: string;
  resource: string;
  details: string;
  hash: string;
}

const PAGE_ROWS = 5000;

/** Reads chains from the writer, page by page, and follows them. */
@Injectable()
export class AuditVerifier {
  private readonly links: ChainLinks;

  constructor(
    private readonly config: AppConfig,
    private readonly database: OptimizedPrismaService,
  ) {
    this.links = new ChainLinks(config.secrets);
  }

  /** Every chain that the configuration, a checkpoint or the database knows, so that none can be dropped unseen. */
  async chains(checkpoints: readonly AuditCheckpoint[]): Promise<number[]> {
    const rows = await this.query<{ chain: number }>(
      'SELECT chain FROM audit_chains UNION SELECT DISTINCT chain FROM audit_entries',
      [],
    );
    const configured = Array.from({ length: this.config.env.AUDIT_PARTITIONS + 1 }, (_, chain) => chain);
    const known = [
      ...configured,
      ...checkpoints.map(({ chain }) => chain),
      ...rows.map(({ chain }) => chain),
    ];
    return [...new Set(known)].sort((a, b) => a - b);
  }

  /**
   * Follows the chain to its end as of now, or, with `rowsMax`, so far at most. `onPage` hears of each link
   * from which a later run may go on.
   */
  async verify(
    chain: number,
    checkpoints: readonly AuditCheckpoint[],
    options: { from?: ChainHead; rowsMax?: number; onPage?: (head: ChainHead) => void } = {},
  ): Promise<ChainReport> {
    const { from, rowsMax = Infinity, onPage } = options;
    const verifier = new ChainVerifier(this.links, chain, checkpoints, from);
    const report = (fault: ChainFault | null): ChainReport => ({
      chain,
      count: verifier.verifiedCount,
      head: verifier.head,
      fault,
      isUnattested: verifier.head.seq > 0 && !checkpoints.some((each) => each.chain === chain),
    });
    // Before the rows: what is appended meanwhile may or may not be among them.
    const [head] = await this.query<{ seq: string; hash: string }>(
      "SELECT seq, coalesce(encode(hash, 'hex'), '') AS hash FROM audit_chains WHERE chain = $1",
      [chain],
    );
    let last = { seq: from?.seq ?? Number.MIN_SAFE_INTEGER, id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
    for (;;) {
      const rows = await this.readPage(chain, last);
      for (const row of rows) {
        const fault = verifier.accept(row);
        if (fault !== null) return report(fault);
      }
      onPage?.(verifier.head);
      const end = rows.at(-1);
      if (end === undefined || rows.length < PAGE_ROWS) break;
      if (verifier.verifiedCount >= rowsMax) return report(null);
      last = { seq: end.seq, id: end.id };
    }
    const stored = head === undefined ? null : { seq: Number(head.seq), hash: head.hash };
    return report(verifier.finish(stored));
  }

  private async readPage(chain: number, after: { seq: number; id: string }): Promise<StoredEntry[]> {
    const rows = await this.query<Row>(
      `SELECT id, (extract(epoch FROM occurred_at) * 1000)::bigint AS time_ms, seq, actor, action, resource,
         details::text AS details, encode(hash, 'hex') AS hash
       FROM audit_entries WHERE chain = $1 AND seq >= $2 AND (seq, id) > ($2, $3::uuid)
       ORDER BY seq, id LIMIT ${String(PAGE_ROWS)}`,
      [chain, after.seq, after.id],
    );
    return rows.map(({ seq, time_ms: timeMs, ...rest }) => ({
      ...rest,
      seq: Number(seq),
      timeMs: Number(timeMs),
    }));
  }

  private query<Row extends object>(text: string, values: readonly (string | number)[]): Promise<Row[]> {
    return this.database.sqlTransaction((transaction) =>
      transaction.query<Row & Record<string, unknown>>(text, values),
    );
  }
}
