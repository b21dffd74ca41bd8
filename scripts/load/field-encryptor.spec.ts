import { loadConfig } from '../../src/config/index.js';
import { AesGcmFieldEncryption } from '../../src/core/field-encryption/aes-gcm-field-encryption.js';
import { createFieldEncryptor } from './field-encryptor.mjs';

const KEYS = `k2:${Buffer.alloc(32, 2).toString('base64')},k1:${Buffer.alloc(32, 1).toString('base64')}`;

describe('createFieldEncryptor', () => {
  const { encrypt, header } = createFieldEncryptor(KEYS);
  const server = new AesGcmFieldEncryption(
    loadConfig({ DATABASE_URL: 'postgres://localhost/none', FIELD_ENCRYPTION_KEYS: KEYS }),
  );

  it('encrypts what the server decrypts, in its context only', () => {
    const bytes = encrypt('Łódź — 東京', 'users.name:1');
    expect(server.decrypt(bytes, 'users.name:1')).toBe('Łódź — 東京');
    expect(() => server.decrypt(bytes, 'users.name:2')).toThrow();
  });

  it('begins as the server’s own ciphertexts do', () => {
    expect(server.encrypt('text', 'c').subarray(0, header.length)).toEqual(header);
  });
});
