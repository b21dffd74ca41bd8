/**
 * Encryption of single fields at rest: personal data leaves the process only as ciphertext.
 *
 * `context` names where the value lives (`users.email`, `orders.shipping_address:<id>`). It is
 * authenticated but not stored: bytes that were copied into another column or row do not decrypt.
 * A context is part of the data format; changing one makes existing values unreadable.
 *
 * Stateless and safe to call concurrently; needs no store. AES-GCM with random 96-bit IVs allows
 * 2^32 values per key (NIST SP 800-38D, 8.3): rotate long before.
 *
 * Rotation: put a new key first in FIELD_ENCRYPTION_KEYS, keep the old ones behind it. New values
 * use the new key at once; old ones stay readable until their key is removed.
 */
export abstract class FieldEncryption {
  /** Self-describing ciphertext; two calls with the same text give different bytes. */
  abstract encrypt(text: string, context: string): Buffer<ArrayBuffer>;

  /**
   * The text that was encrypted with the same context, under any known key.
   * @throws FieldDecryptionError when the bytes are damaged, belong to another context, or their key
   * is not configured. It never returns altered text.
   */
  abstract decrypt(bytes: Uint8Array, context: string): string;

  /**
   * HMAC-SHA256 of the text under the blind-index key, 32 bytes: equal texts of one context are equal,
   * so an encrypted column can be searched and made unique. The caller normalises the text first.
   * This key has no rotation: changing it orphans every stored index.
   */
  abstract blindIndex(text: string, context: string): Buffer<ArrayBuffer>;
}
