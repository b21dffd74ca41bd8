import { hkdfSync } from 'node:crypto';

const KEY_BYTES = 32;

/**
 * A key of 32 bytes for one purpose, from a secret that serves several (HKDF with SHA-256, RFC 5869). Who has
 * it learns nothing of the secret or of the keys of other purposes. Always the same: never reword a purpose.
 */
export function deriveKey(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES));
}
