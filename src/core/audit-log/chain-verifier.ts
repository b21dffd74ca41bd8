import { type ChainHead, type ChainLinks, GENESIS, textOf } from './audit-chain.js';
import type { AuditCheckpoint } from './audit-checkpoint.js';
import type { AuditEntry } from './audit-entry.js';

/** A row as the table has it; the texts are those that the database prints. */
export interface StoredEntry extends AuditEntry {
  readonly seq: number;
  readonly timeMs: number;
  readonly hash: string;
}

/** The same as the one text that its link covers. */
export interface StoredLink {
  readonly seq: number;
  readonly id: string;
  /** `id, time, actor, action, resource, details`, as {@link textOf} puts them together. */
  readonly text: string;
  readonly hash: string;
}

/**
 * - `missing`: there is no entry at this position, but there are later ones, or a checkpoint says so.
 * - `extra`: there is more than one entry at this position, or one in front of the first.
 * - `altered`: the entry, or its link, is not what was written.
 * - `rewritten`: the links hold among themselves, but not with a checkpoint, so that somebody with the key
 *   has written the chain anew: the position is that of the first checkpoint that fails, and the change lies
 *   at or before it, behind the checkpoint before.
 */
export interface ChainFault {
  readonly chain: number;
  readonly seq: number;
  readonly kind: 'missing' | 'extra' | 'altered' | 'rewritten';
  /** Of the entry that was found there. */
  readonly entryId: string | null;
}

/**
 * Follows one chain from a trusted link, row by row in the order of positions. Linear, in constant memory,
 * and stops at the first position that is wrong.
 */
export class ChainVerifier {
  private previous: string;
  private seq: number;
  private count = 0;
  private readonly expected: readonly AuditCheckpoint[];
  private nextCheckpoint = 0;

  constructor(
    private readonly links: ChainLinks,
    private readonly chain: number,
    checkpoints: readonly AuditCheckpoint[],
    /** A link that was verified before; without one the whole chain is followed. */
    from: ChainHead = { seq: 0, hash: GENESIS },
  ) {
    this.previous = from.hash;
    this.seq = from.seq;
    this.expected = checkpoints
      .filter((checkpoint) => checkpoint.chain === chain && checkpoint.seq > from.seq)
      .sort((a, b) => a.seq - b.seq);
  }

  /** The last link that holds. */
  get head(): ChainHead {
    return { seq: this.seq, hash: this.previous };
  }

  get verifiedCount(): number {
    return this.count;
  }

  /** The fault of the row, null when it is the next link. */
  accept({ seq, id, hash, ...entry }: StoredEntry): ChainFault | null {
    return this.acceptLink({ seq, id, hash, text: textOf({ id, ...entry }, entry.timeMs) });
  }

  acceptLink(row: StoredLink): ChainFault | null {
    const seq = this.seq + 1;
    if (row.seq > seq) return this.fault('missing', seq);
    if (row.seq < seq) return this.fault('extra', row.seq, row.id);
    if (row.hash !== this.links.hash(this.previous, this.chain, seq, row.text))
      return this.fault('altered', seq, row.id);
    for (; this.expected[this.nextCheckpoint]?.seq === seq; this.nextCheckpoint += 1) {
      if (this.expected[this.nextCheckpoint]?.hash !== row.hash) return this.fault('rewritten', seq, row.id);
    }
    this.seq = seq;
    this.previous = row.hash;
    this.count += 1;
    return null;
  }

  /** After the last row: what a checkpoint, or the chain's own head, says there must be. */
  finish(head: ChainHead | null): ChainFault | null {
    const lastSeq = Math.max(this.expected.at(-1)?.seq ?? 0, head?.seq ?? 0);
    if (lastSeq > this.seq) return this.fault('missing', this.seq + 1);
    if (head !== null && head.seq === this.seq && head.hash !== this.previous)
      return this.fault('rewritten', this.seq);
    return null;
  }

  private fault(kind: ChainFault['kind'], seq: number, entryId: string | null = null): ChainFault {
    return { chain: this.chain, seq, kind, entryId };
  }
}
