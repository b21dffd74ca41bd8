import { Injectable } from '@nestjs/common';
import { AuditCheckpoints } from '../audit-checkpoints.js';
import { AuditVerifier } from '../audit-verifier.js';
import { FIELD_SEPARATOR } from '../audit-entry.js';
import type { StoredEntry, StoredLink } from '../chain-verifier.js';
import { AuditMonths, type LastPositions } from './audit-months.js';
import type { ArchivedEntry } from './archive-lines.js';
import { MonthRefusedError } from './retention.errors.js';
import type { RetiredRange } from './retirement-record.js';
import { Retirements } from './retirements.js';

export interface MonthReview {
  readonly entries: number;
  readonly ranges: readonly RetiredRange[];
  readonly lasts: LastPositions;
}

/** Far above what any month has; each is some 150 bytes of its record. */
const RANGES_MAX = 100_000;

/** Reads what is older than a time out of the chains, and vouches for it. */
@Injectable()
export class MonthReviewer {
  constructor(
    private readonly verifier: AuditVerifier,
    private readonly checkpoints: AuditCheckpoints,
    private readonly retirements: Retirements,
    private readonly months: AuditMonths,
  ) {}

  /**
   * Follows each chain from its beginning to its last entry that is older, whatever lies between. `take` gets
   * the older ones, chain by chain in their order, once they are verified.
   * @throws MonthRefusedError when a chain is not what was written.
   */
  async review(
    before: Date,
    take: (entries: readonly ArchivedEntry[]) => Promise<void>,
  ): Promise<MonthReview> {
    const lasts = await this.months.lastsBefore(before);
    const { checkpoints } = await this.checkpoints.read();
    const { ranges: retired } = await this.retirements.read();
    const ranges: OpenRange[] = [];
    let entries = 0;
    for (const [chain, until] of lasts) {
      let page: ArchivedEntry[] = [];
      const report = await this.verifier.verify(chain, checkpoints, {
        until,
        retired,
        onEntry: (link, linkedTo) => {
          const entry = entryOf(link);
          if (entry.timeMs >= before.getTime()) return;
          const isFirst = extend(ranges, chain, entry, linkedTo);
          page.push({ ...entry, chain, previous: isFirst ? linkedTo : null });
        },
        onPage: async () => {
          entries += page.length;
          await take(page);
          page = [];
          if (ranges.length > RANGES_MAX) throw new RangeError('the month lies in too many pieces');
        },
      });
      if (report.fault !== null || report.head.seq < until)
        throw new MonthRefusedError('tampered', report.fault);
    }
    return { entries, ranges, lasts };
  }
}

/** The fields of the text that the link covers, which hold no separator: the link was verified. */
function entryOf({ seq, text, hash }: StoredLink): StoredEntry {
  const [id = '', time, actor = '', action = '', resource = '', details = ''] = text.split(FIELD_SEPARATOR);
  return { seq, id, timeMs: Number(time), actor, action, resource, details, hash };
}

interface OpenRange extends RetiredRange {
  to: number;
  hash: string;
}

/** True when the entry begins a range. */
function extend(ranges: OpenRange[], chain: number, { seq, hash }: StoredEntry, previous: string): boolean {
  const last = ranges.at(-1);
  if (last?.chain === chain && last.to + 1 === seq) {
    last.to = seq;
    last.hash = hash;
    return false;
  }
  ranges.push({ chain, from: seq, previous, to: seq, hash });
  return true;
}
