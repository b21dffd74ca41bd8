import { createHash, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';

/** The signing key of every application of a test file; made anew for each, never written down. */
export const TEST_SIGNING_KEY = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
}).privateKey;

/** RFC 7638: the key id is the hash of the public key's required members in their order. */
const KEY_ID = (() => {
  const { e, kty, n } = createPublicKey(TEST_SIGNING_KEY).export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
})();

export function signAccessToken(
  userId: string,
  role: 'customer' | 'admin' | 'superadmin' = 'customer',
): string {
  return jwt.sign({ role, sid: 'operator' }, TEST_SIGNING_KEY, {
    algorithm: 'RS256',
    keyid: KEY_ID,
    issuer: 'caudal',
    audience: 'caudal-api',
    subject: userId,
    jwtid: randomUUID(),
    expiresIn: 900,
  });
}
