// Signs access tokens exactly as the server does, with the server's own key, so that a load run
// can have thousands of signed-in buyers without paying for thousands of argon2 hashes. It works
// only for whoever can read the key file: no route of the server offers this.
import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';

const signAsync = promisify(sign);

/**
 * @typedef {object} TokenSubject
 * @property {string} userId UUID
 * @property {string} role
 */

/**
 * @param {string} privateKeyPem RSA key, PKCS#8 or PKCS#1
 * @returns {(subject: TokenSubject, lifetimeSeconds: number) => Promise<string>} signs off the
 *   event loop (about 0.2 ms each), so many calls may run at once
 */
export function createAccessTokenSigner(privateKeyPem) {
  const key = createPrivateKey(privateKeyPem);
  const header = encodeSegment({ alg: 'RS256', typ: 'JWT', kid: publicKeyThumbprint(key) });

  return async ({ userId, role }, lifetimeSeconds) => {
    const issuedAt = Math.floor(Date.now() / 1000);
    const claims = encodeSegment({
      iss: 'caudal',
      aud: 'caudal-api',
      sub: userId,
      role,
      // No session stands behind it that the store could know: src/modules/auth/access-token-claims.ts.
      sid: 'operator',
      jti: randomUUID(),
      iat: issuedAt,
      exp: issuedAt + lifetimeSeconds,
    });
    const signature = await signAsync('RSA-SHA256', Buffer.from(`${header}.${claims}`), key);
    return `${header}.${claims}.${signature.toString('base64url')}`;
  };
}

/**
 * RFC 7638: the SHA-256 of the required members in lexicographic order.
 *
 * @param {import('node:crypto').KeyObject} privateKey
 * @returns {string}
 */
function publicKeyThumbprint(privateKey) {
  const { e, kty, n } = createPublicKey(privateKey).export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
}

/**
 * @param {object} value
 * @returns {string}
 */
function encodeSegment(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
