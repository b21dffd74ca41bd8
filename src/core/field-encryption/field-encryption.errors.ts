export type FieldDecryptionFailure = 'malformed' | 'unknown_key' | 'not_authentic';

/** Stored bytes could not be decrypted. The message names the key id, never the bytes or the context. */
export class FieldDecryptionError extends Error {
  constructor(
    readonly reason: FieldDecryptionFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'FieldDecryptionError';
  }
}
