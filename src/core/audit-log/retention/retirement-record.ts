import { hash } from 'node:crypto';
import type { Secrets } from '../../../config/index.js';
import { LineSigner } from '../line-signer.js';

/** Links of one chain that followed each other without a gap. */
export interface RetiredRange {
  readonly chain: number;
  /** Position of the first link, and the hash that it is linked to. */
  readonly from: number;
  readonly previous: string;
  /** Position and hash of the last one. */
  readonly to: number;
  readonly hash: string;
}

/**
 * What a month of the audit log was when it was retired. Entries stand in their chains in the order in which
 * they arrived, not in that of their times, so a month need not be one range of a chain: what came late, or
 * overlaps with the next month, makes further ones.
 */
export interface RetirementRecord {
  /** `202611`, UTC. */
  readonly month: string;
  /** When it was made, RFC 3339; null in the file itself, so that the same entries make the same file. */
  readonly at: string | null;
  readonly entries: number;
  readonly ranges: readonly RetiredRange[];
  /** The file that the entries were written to; null when there is none, and in the file itself. */
  readonly archive: { readonly file: string; readonly sha256: string } | null;
}

type RangeFields = [chain: number, from: number, previous: string, to: number, hash: string];

/** Of the record and its archive: the same when the same is retired once more, and different when something else is. */
export function retirementName({ month, ranges }: Pick<RetirementRecord, 'month' | 'ranges'>): string {
  return `${month}-${hash('sha256', JSON.stringify(ranges), 'hex').slice(0, 12)}`;
}

const PURPOSE = 'caudal audit retirement v1';
const MARK = 'retired ';

/** Signs records of retirement with a key of their own: only who has it can say that something may be missing. */
export class RetirementSigner {
  private readonly signer: LineSigner;

  constructor(secrets: Pick<Secrets, 'blindIndexKey'>) {
    this.signer = new LineSigner(secrets, PURPOSE);
  }

  /** One line without line breaks. */
  seal({ month, at, entries, ranges, archive }: RetirementRecord): string {
    const fields = ranges.map(({ chain, from, previous, to, hash }): RangeFields => [
      chain,
      from,
      previous,
      to,
      hash,
    ]);
    const text = MARK + JSON.stringify({ month, at, entries, ranges: fields, archive });
    return `${text} ${this.signer.sign(text)}`;
  }

  /** Null when we did not sign the line. */
  open(line: string): RetirementRecord | null {
    const [, text = '', signature = ''] = /^(retired \{.*\}) ([\w-]{43})$/.exec(line.trim()) ?? [];
    if (!this.signer.isSigned(text, signature)) return null;
    const { ranges, ...rest } = JSON.parse(text.slice(MARK.length)) as Omit<RetirementRecord, 'ranges'> & {
      ranges: RangeFields[];
    };
    return {
      ...rest,
      ranges: ranges.map(([chain, from, previous, to, hash]) => ({ chain, from, previous, to, hash })),
    };
  }
}
