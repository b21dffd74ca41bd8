import { type ChainHead, type ChainLinks, GENESIS, textOf } from './audit-chain.js';
import type { AuditCheckpoint } from './audit-checkpoint.js';
import type { AuditEntry } from './audit-entry.js';
import type { RetiredRange } from './retention/retirement-record.js';

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
 * - `missing`: there is no entry at this position, but there are later ones, or a checkpoint says so, and no
 *   record of a retired month does.
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
 * and stops at the first position that is wrong. Positions that are not there are passed over when a signed
 * record says that all of them were retired, where they began and how they ended; a part is not enough.
 */
export class ChainVerifier {
  private previous: string;
  private seq: number;
  private count = 0;
  private readonly expected: readonly AuditCheckpoint[];
  private nextCheckpoint = 0;
  private readonly retired: readonly RetiredRange[];
  private nextRange = 0;
  /** The last link was seen, and not only retired or trusted. */
  private isOnRow = false;
  private linked: string;

  constructor(
    private readonly links: ChainLinks,
    private readonly chain: number,
    checkpoints: readonly AuditCheckpoint[],
    /** A link that was verified before; without one the whole chain is followed. */
    from: ChainHead = { seq: 0, hash: GENESIS },
    retired: readonly RetiredRange[] = [],
  ) {
    this.previous = from.hash;
    this.linked = from.hash;
    this.seq = from.seq;
    this.expected = checkpoints
      .filter((checkpoint) => checkpoint.chain === chain && checkpoint.seq > from.seq)
      .sort((a, b) => a.seq - b.seq);
    this.retired = retired.filter((range) => range.chain === chain).sort((a, b) => a.from - b.from);
  }

  /** The last link that holds. */
  get head(): ChainHead {
    return { seq: this.seq, hash: this.previous };
  }

  get verifiedCount(): number {
    return this.count;
  }

  /** The hash that the last row was linked to. */
  get linkedTo(): string {
    return this.linked;
  }

  /** The fault of the row, null when it is the next link. */
  accept({ seq, id, hash, ...entry }: StoredEntry): ChainFault | null {
    return this.acceptLink({ seq, id, hash, text: textOf({ id, ...entry }, entry.timeMs) });
  }

  acceptLink(row: StoredLink): ChainFault | null {
    if (row.seq > this.seq + 1) {
      const fault = this.leap(row.seq);
      if (fault !== null) return fault;
    }
    const seq = this.seq + 1;
    if (row.seq > seq) return this.fault('missing', seq);
    if (row.seq < seq) return this.fault('extra', row.seq, row.id);
    if (row.hash !== this.links.hash(this.previous, this.chain, seq, row.text))
      return this.fault('altered', seq, row.id);
    for (; this.expected[this.nextCheckpoint]?.seq === seq; this.nextCheckpoint += 1) {
      if (this.expected[this.nextCheckpoint]?.hash !== row.hash) return this.fault('rewritten', seq, row.id);
    }
    this.seq = seq;
    this.linked = this.previous;
    this.previous = row.hash;
    this.count += 1;
    this.isOnRow = true;
    return null;
  }

  /** After the last row: what a checkpoint, or the chain's own head, says there must be. */
  finish(head: ChainHead | null): ChainFault | null {
    const fault = this.leap(Infinity);
    if (fault !== null) return fault;
    const lastSeq = Math.max(this.expected.at(-1)?.seq ?? 0, head?.seq ?? 0);
    if (lastSeq > this.seq) return this.fault('missing', this.seq + 1);
    if (head !== null && head.seq === this.seq && head.hash !== this.previous)
      return this.fault('rewritten', this.seq);
    return null;
  }

  /** Over what was retired, as far as it lies in front of a position that is there. */
  private leap(before: number): ChainFault | null {
    for (let range = this.retiredNext(before); range !== null; range = this.retiredNext(before)) {
      for (
        let next = this.nextExpected();
        next !== null && next.seq <= range.to;
        next = this.nextExpected()
      ) {
        if (next.seq === range.to && next.hash !== range.hash) return this.fault('rewritten', range.to);
        this.nextCheckpoint += 1;
      }
      this.seq = range.to;
      this.previous = range.hash;
      this.isOnRow = false;
    }
    return null;
  }

  /** Who begins in the midst of a range cannot say what it is linked to; behind a row there must be a beginning. */
  private retiredNext(before: number): RetiredRange | null {
    const seq = this.seq + 1;
    while ((this.retired[this.nextRange]?.to ?? Infinity) < seq) this.nextRange += 1;
    let best: RetiredRange | null = null;
    for (let i = this.nextRange; (this.retired[i]?.from ?? Infinity) <= seq; i += 1) {
      const range = this.retired[i];
      if (range === undefined || range.to < seq || range.to >= before) continue;
      const fits = range.from === seq ? range.previous === this.previous : !this.isOnRow;
      if (fits && range.to > (best?.to ?? 0)) best = range;
    }
    return best;
  }

  private nextExpected(): AuditCheckpoint | null {
    return this.expected[this.nextCheckpoint] ?? null;
  }

  private fault(kind: ChainFault['kind'], seq: number, entryId: string | null = null): ChainFault {
    return { chain: this.chain, seq, kind, entryId };
  }
}
