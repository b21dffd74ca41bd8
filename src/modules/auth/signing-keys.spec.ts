import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, loadConfig } from '../../config/index.js';
import { SigningKeys } from './signing-keys.js';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const rsaKey = (modulusLength = 2048): string =>
  generateKeyPairSync('rsa', {
    modulusLength,
    privateKeyEncoding: pem,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;
const publicPemOf = (privatePem: string): string =>
  createPublicKey(privatePem).export({ type: 'spki', format: 'pem' }).toString();

describe('SigningKeys', () => {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-keys-'));
  const keys = (privateKey: string, ...previous: string[]): SigningKeys => {
    const files = previous.map((text, i) => {
      const file = join(directory, `${String(i)}.pem`);
      writeFileSync(file, text);
      return file;
    });
    return new SigningKeys(
      loadConfig({
        DATABASE_URL: 'postgres://localhost/none',
        JWT_PRIVATE_KEY: privateKey,
        JWT_PREVIOUS_PUBLIC_KEY_FILES: files.join(','),
      }),
    );
  };

  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('publishes the signing key first, then the retired ones, and finds each by its id', () => {
    const retired = [rsaKey(), rsaKey()];
    const set = keys(rsaKey(), ...retired.map(publicPemOf));
    expect(set.jwks).toHaveLength(3);
    expect(set.jwks[0]?.kid).toBe(set.keyId);
    for (const { kid } of set.jwks) expect(set.findPublicKey(kid)?.asymmetricKeyType).toBe('rsa');
    expect(set.findPublicKey('other')).toBeNull();
    expect(JSON.stringify(set.jwks)).not.toMatch(/"(d|p|q|dp|dq|qi)":/);
  });

  it('publishes a key once that is listed as retired while it still signs', () => {
    const key = rsaKey();
    const set = keys(key, publicPemOf(key));
    expect(set.jwks.map(({ kid }) => kid)).toEqual([set.keyId]);
  });

  it('names a key by its RFC 7638 thumbprint, the same on every instance', () => {
    const key = rsaKey();
    expect(keys(key).keyId).toBe(keys(key).keyId);
    expect(keys(key).keyId).toMatch(/^[\w-]{43}$/);
  });

  it.each([
    ['is no key', 'nonsense'],
    ['is too small', rsaKey(1024)],
    [
      'is of another kind',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem).toString(),
    ],
  ])('refuses to start with a signing key that %s', (_, text) => {
    expect(() => keys(text)).toThrow(ConfigurationError);
  });

  it('refuses to start with a retired key that is no key', () => {
    expect(() => keys(rsaKey(), 'nonsense')).toThrow('JWT_PREVIOUS_PUBLIC_KEY_FILES');
  });
});
