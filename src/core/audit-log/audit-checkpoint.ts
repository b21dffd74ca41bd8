import type { Secrets } from '../../config/index.js';
import type { ChainHead } from './audit-chain.js';
import { LineSigner } from './line-signer.js';

/** Says, signed, that a chain reached a link. What comes after it may be new; what is before it cannot change. */
export interface AuditCheckpoint extends ChainHead {
  readonly chain: number;
  readonly at: string;
}

const PURPOSE = 'caudal audit checkpoint v1';

/** Signs checkpoints with a key of its own. */
export class CheckpointSigner {
  private readonly signer: LineSigner;

  constructor(secrets: Pick<Secrets, 'blindIndexKey'>) {
    this.signer = new LineSigner(secrets, PURPOSE);
  }

  /** One line without line breaks. */
  seal(checkpoint: AuditCheckpoint): string {
    const { chain, seq, hash, at } = checkpoint;
    const text = `${String(chain)} ${String(seq)} ${hash} ${at}`;
    return `${text} ${this.signer.sign(text)}`;
  }

  /** Null when we did not sign the line. */
  open(line: string): AuditCheckpoint | null {
    const [, text = '', chain, seq, hash = '', at = '', signature = ''] =
      /^((\d{1,5}) (\d{1,15}) ([0-9a-f]{64}) (\S{10,40})) ([\w-]{43})$/.exec(line.trim()) ?? [];
    if (!this.signer.isSigned(text, signature)) return null;
    return { chain: Number(chain), seq: Number(seq), hash, at };
  }
}
