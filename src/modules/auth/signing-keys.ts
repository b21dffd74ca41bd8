import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig, ConfigurationError } from '../../config/index.js';

/** A public RSA key as published (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'RSA';
  readonly use: 'sig';
  readonly alg: 'RS256';
  readonly kid: string;
  readonly n: string;
  readonly e: string;
}

/** RFC 7518, 3.3: smaller keys must not be used with RS256. */
const MODULUS_BITS_MIN = 2048;

/**
 * The key that signs access tokens, and every public key under which they are accepted: its own and
 * those of retired signing keys, until the last token they signed has expired.
 */
@Injectable()
export class SigningKeys {
  readonly privateKey: KeyObject;
  readonly keyId: string;
  readonly jwks: readonly PublicJwk[];
  private readonly publicKeys = new Map<string, KeyObject>();

  constructor({ secrets }: AppConfig) {
    this.privateKey = readKey('JWT_PRIVATE_KEY', () => createPrivateKey(secrets.jwtPrivateKeyPem));
    const current = toPublicJwk(createPublicKey(this.privateKey));
    const retired = secrets.jwtPreviousPublicKeyPems.map((pem) =>
      toPublicJwk(readKey('JWT_PREVIOUS_PUBLIC_KEY_FILES', () => createPublicKey(pem))),
    );
    this.keyId = current.kid;
    // During a rollout the key that signs may also be listed as an earlier one.
    const byId = new Map([...retired, current].map((jwk) => [jwk.kid, jwk]));
    this.jwks = [...byId.values()].reverse();
    for (const jwk of this.jwks) {
      this.publicKeys.set(jwk.kid, createPublicKey({ key: { ...jwk }, format: 'jwk' }));
    }
  }

  findPublicKey(keyId: string): KeyObject | null {
    return this.publicKeys.get(keyId) ?? null;
  }
}

function readKey(setting: string, read: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw new ConfigurationError([`${setting}: expected a key in PEM`]);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < MODULUS_BITS_MIN) {
    throw new ConfigurationError([`${setting}: expected an RSA key of at least 2048 bits`]);
  }
  return key;
}

function toPublicJwk(key: KeyObject): PublicJwk {
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  // RFC 7638: the required members in lexicographic order, without spaces.
  const kid = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
  return { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e };
}
