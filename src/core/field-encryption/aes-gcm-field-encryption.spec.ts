import { loadConfig } from '../../config/index.js';
import { AesGcmFieldEncryption } from './aes-gcm-field-encryption.js';
import { FieldDecryptionError } from './field-encryption.errors.js';

const KEY_A = Buffer.alloc(32, 0xa1).toString('base64');
const KEY_B = Buffer.alloc(32, 0xb2).toString('base64');

function encryption(keys: string, blindIndexByte = 7): AesGcmFieldEncryption {
  return new AesGcmFieldEncryption(
    loadConfig({
      DATABASE_URL: 'postgres://localhost/none',
      FIELD_ENCRYPTION_KEYS: keys,
      BLIND_INDEX_KEY: Buffer.alloc(32, blindIndexByte).toString('base64'),
    }),
  );
}

function failureOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof FieldDecryptionError) return error.reason;
    throw error;
  }
  return 'none';
}

describe('AesGcmFieldEncryption', () => {
  const fields = encryption(`a:${KEY_A}`);

  it.each(['', 'jane@example.com', 'Łódź — 東京 🛒', 'x'.repeat(10_000)])(
    'gives back what it got',
    (text) => {
      expect(fields.decrypt(fields.encrypt(text, 'users.name'), 'users.name')).toBe(text);
    },
  );

  it('reads the plain Uint8Array that the database driver returns', () => {
    const padded = Buffer.concat([Buffer.from([9, 9]), fields.encrypt('text', 'c')]);
    expect(fields.decrypt(new Uint8Array(padded).subarray(2), 'c')).toBe('text');
  });

  it('never makes the same bytes twice and never shows the text', () => {
    const first = fields.encrypt('secret text', 'c');
    expect(first.equals(fields.encrypt('secret text', 'c'))).toBe(false);
    expect(first.includes('secret')).toBe(false);
  });

  it('refuses every single-bit change', () => {
    const bytes = fields.encrypt('four', 'c');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(failureOf(() => fields.decrypt(altered, 'c'))).not.toBe('none');
    }
  });

  it('refuses every truncation', () => {
    const bytes = fields.encrypt('four', 'c');
    for (let length = 0; length < bytes.length; length += 1) {
      expect(failureOf(() => fields.decrypt(bytes.subarray(0, length), 'c'))).not.toBe('none');
    }
  });

  it('refuses a value that was moved to another context', () => {
    const bytes = fields.encrypt('x', 'orders.address:1');
    expect(failureOf(() => fields.decrypt(bytes, 'orders.address:2'))).toBe('not_authentic');
  });

  it('reads values under a retired key and writes under the new one', () => {
    const old = fields.encrypt('kept', 'c');
    const rotated = encryption(`b:${KEY_B},a:${KEY_A}`);
    expect(rotated.decrypt(old, 'c')).toBe('kept');

    const fresh = rotated.encrypt('new', 'c');
    expect(failureOf(() => fields.decrypt(fresh, 'c'))).toBe('unknown_key');
    expect(encryption(`b:${KEY_B}`).decrypt(fresh, 'c')).toBe('new');
  });

  it('refuses a value whose key id names another key', () => {
    const bytes = fields.encrypt('x', 'c');
    expect(failureOf(() => encryption(`a:${KEY_B}`).decrypt(bytes, 'c'))).toBe('not_authentic');
  });

  it('indexes equal texts equally, on every process, and nothing else', () => {
    const index = fields.blindIndex('jane@example.com', 'users.email');
    expect(index).toHaveLength(32);
    expect(encryption(`b:${KEY_B}`).blindIndex('jane@example.com', 'users.email')).toEqual(index);
    expect(fields.blindIndex('jane@example.org', 'users.email')).not.toEqual(index);
    expect(fields.blindIndex('jane@example.com', 'users.phone')).not.toEqual(index);
    expect(encryption(`a:${KEY_A}`, 8).blindIndex('jane@example.com', 'users.email')).not.toEqual(index);
  });
});
