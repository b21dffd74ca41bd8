import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../../common/derived-key.js';
import type { Secrets } from '../../config/index.js';
import type { ChainHead } from './audit-chain.js';

/** Says, signed, that a chain reached a link. What comes after it may be new; what is before it cannot change. */
export interface AuditCheckpoint extends ChainHead {
  readonly chain: number;
  readonly at: string;
}

const PURPOSE = 'caudal audit checkpoint v1';

/** Signs checkpoints with a key of its own, derived (HKDF, RFC 5869) from the one secret that never rotates. */
export class CheckpointSigner {
  private readonly key: Buffer;

  constructor({ blindIndexKey }: Pick<Secrets, 'blindIndexKey'>) {
    this.key = deriveKey(blindIndexKey, PURPOSE);
  }

  /** One line without line breaks. */
  seal(checkpoint: AuditCheckpoint): string {
    const { chain, seq, hash, at } = checkpoint;
    const text = `${String(chain)} ${String(seq)} ${hash} ${at}`;
    return `${text} ${this.sign(text)}`;
  }

  /** Null when we did not sign the line. */
  open(line: string): AuditCheckpoint | null {
    const [, text = '', chain, seq, hash = '', at = '', signature = ''] =
      /^((\d{1,5}) (\d{1,15}) ([0-9a-f]{64}) (\S{10,40})) ([\w-]{43})$/.exec(line.trim()) ?? [];
    const expected = Buffer.from(this.sign(text));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    return { chain: Number(chain), seq: Number(seq), hash, at };
  }

  private sign(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }
}
