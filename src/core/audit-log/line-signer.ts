import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../../common/derived-key.js';
import type { Secrets } from '../../config/index.js';

/** Signs lines of text with a key for one purpose, derived (HKDF, RFC 5869) from the one secret that never rotates. */
export class LineSigner {
  private readonly key: Buffer;

  constructor({ blindIndexKey }: Pick<Secrets, 'blindIndexKey'>, purpose: string) {
    this.key = deriveKey(blindIndexKey, purpose);
  }

  /** 43 characters of base64url. */
  sign(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }

  isSigned(text: string, signature: string): boolean {
    const expected = Buffer.from(this.sign(text));
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}
