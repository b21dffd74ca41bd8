// Encrypts personal data exactly as the server does, so that it can show the accounts of load buyers.
import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @typedef {object} FieldEncryptor
 * @property {Buffer} header what every ciphertext under the present key begins with
 * @property {(text: string, context: string) => Buffer} encrypt layout of
 *   src/core/field-encryption/aes-gcm-field-encryption.ts
 */

/**
 * @param {string} keys as in FIELD_ENCRYPTION_KEYS: the first one encrypts
 * @returns {FieldEncryptor}
 */
export function createFieldEncryptor(keys) {
  const [id = '', encoded = ''] = (keys.split(',')[0] ?? '').split(':');
  const key = createSecretKey(Buffer.from(encoded, 'base64'));
  const header = Buffer.concat([Buffer.from([VERSION, id.length]), Buffer.from(id, 'latin1')]);
  return {
    header,
    encrypt: (text, context) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.concat([header, Buffer.from(context, 'utf8')]));
      const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([header, iv, cipher.getAuthTag(), ciphertext]);
    },
  };
}
