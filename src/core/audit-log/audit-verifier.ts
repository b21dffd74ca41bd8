import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { type ChainHead, ChainLinks } from './audit-chain.js';
import type { AuditCheckpoint } from './audit-checkpoint.js';
import { FIELD_SEPARATOR } from './audit-entry.js';
import { type ChainFault, ChainVerifier, type StoredLink } from './chain-verifier.js';
import type { RetiredRange } from './retention/retirement-record.js';

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

interface Place {
  readonly seq: number;
  readonly id: string;
}

export interface VerifyOptions {
  /** A link that was verified before. */
  readonly from?: ChainHead;
  /** So many rows at most, in full pages. */
  readonly rowsMax?: number;
  /** No further than this position. */
  readonly until?: number;
  /** What may be missing. */
  readonly retired?: readonly RetiredRange[];
  /** Hears of each row that holds, and of the hash that it is linked to. */
  readonly onEntry?: (entry: StoredLink, linkedTo: string) => void;
  /** Hears of each link from which a later run may go on. */
  readonly onPage?: (head: ChainHead) => void | Promise<void>;
}

const PAGE_ROWS = 5000;
/** From chain to chain through the index: to read which there are must not be to read every entry. */
const CHAINS = `
  WITH RECURSIVE present (chain) AS (
    (SELECT chain FROM audit_entries ORDER BY chain LIMIT 1)
    UNION ALL
    SELECT (SELECT e.chain FROM audit_entries e WHERE e.chain > present.chain ORDER BY e.chain LIMIT 1)
    FROM present WHERE present.chain IS NOT NULL)
  SELECT chain FROM audit_chains UNION SELECT chain FROM present WHERE chain IS NOT NULL`;
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

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
  async chains(checkpoints: readonly { readonly chain: number }[]): Promise<number[]> {
    const rows = await this.query<{ chain: number }>(CHAINS, []);
    const configured = Array.from({ length: this.config.env.AUDIT_PARTITIONS + 1 }, (_, chain) => chain);
    const known = [
      ...configured,
      ...checkpoints.map(({ chain }) => chain),
      ...rows.map(({ chain }) => chain),
    ];
    return [...new Set(known)].sort((a, b) => a - b);
  }

  /** Follows the chain to its end as of now, or as far as the options say. */
  async verify(
    chain: number,
    checkpoints: readonly AuditCheckpoint[],
    options: VerifyOptions = {},
  ): Promise<ChainReport> {
    const { from, rowsMax = Infinity, until = Infinity, retired, onEntry, onPage } = options;
    const verifier = new ChainVerifier(this.links, chain, checkpoints, from, retired);
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
    const stray = await this.findStray(chain);
    if (stray !== null) return report({ chain, seq: stray.seq, kind: 'extra', entryId: stray.id });
    let page = this.readPage(chain, { seq: from?.seq ?? 0, id: LAST_ID });
    for (;;) {
      const rows = await page;
      const end = rows.at(-1);
      const isFull = end !== undefined && rows.length === PAGE_ROWS;
      const isEnough = verifier.verifiedCount + rows.length >= rowsMax;
      if (isFull && !isEnough) {
        // PostgreSQL reads on while this page is hashed; who finds a fault here asks no more of it.
        page = this.readPage(chain, end);
        page.catch(() => undefined);
      }
      for (const row of rows) {
        if (row.seq > until) break;
        const fault = verifier.acceptLink(row);
        if (fault !== null) return report(fault);
        onEntry?.(row, verifier.linkedTo);
      }
      await onPage?.(verifier.head);
      if (verifier.head.seq >= until) return report(null);
      if (!isFull) break;
      if (isEnough) return report(null);
    }
    const stored = head === undefined ? null : { seq: Number(head.seq), hash: head.hash };
    return report(verifier.finish(stored));
  }

  /**
   * A row that no page has: without a position, or in front of the first; or of no chain, which is the concern
   * of whichever chain is verified. Only somebody who has changed the table can make one.
   */
  private async findStray(chain: number): Promise<Place | null> {
    const [row] = await this.query<{ seq: string | null; id: string }>(
      `SELECT seq, id FROM audit_entries WHERE chain = $1 AND seq < 1
       UNION ALL SELECT seq, id FROM audit_entries WHERE chain = $1 AND seq IS NULL
       UNION ALL SELECT seq, id FROM audit_entries WHERE chain IS NULL LIMIT 1`,
      [chain],
    );
    return row === undefined ? null : { seq: Number(row.seq), id: row.id };
  }

  /**
   * The rows as the texts that were hashed: PostgreSQL puts them together, and nothing is parsed here. A field
   * that holds a separator makes a text that no link covers, and so does a time between two milliseconds.
   */
  private async readPage(chain: number, after: Place): Promise<StoredLink[]> {
    const rows = await this.query<Omit<StoredLink, 'seq'> & { seq: string }>(
      `SELECT seq, id, coalesce(id::text || $4::text || trim_scale(extract(epoch FROM occurred_at) * 1000)::text || $4
         || actor || $4 || action || $4 || resource || $4 || details::text, '') AS text, encode(hash, 'hex') AS hash
       FROM audit_entries WHERE chain = $1 AND seq >= $2 AND (seq, id) > ($2, $3::uuid)
       ORDER BY seq, id LIMIT ${String(PAGE_ROWS)}`,
      [chain, after.seq, after.id, FIELD_SEPARATOR],
    );
    return rows.map(({ seq, id, text, hash }) => ({ seq: Number(seq), id, text, hash }));
  }

  private query<Row extends object>(text: string, values: readonly (string | number)[]): Promise<Row[]> {
    return this.database.sqlTransaction((transaction) =>
      transaction.query<Row & Record<string, unknown>>(text, values),
    );
  }
}
