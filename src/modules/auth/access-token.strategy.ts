import type { KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Strategy } from 'passport-jwt';
import {
  ACCESS_TOKEN_ALGORITHM,
  ACCESS_TOKEN_AUDIENCE,
  ACCESS_TOKEN_ISSUER,
  type DecisiveClaims,
  parseClaims,
} from './access-token-claims.js';
import { SigningKeys } from './signing-keys.js';

/** All that the strategy sees of a request. */
interface TokenCarrier {
  readonly token: string;
}

/**
 * passport-jwt, asked directly: the verdict is a value, no middleware and no global registry of
 * strategies takes part. It pins the algorithm and chooses the key by the token's `kid` among ours.
 * Expiry is left to the caller, who has the clock.
 */
@Injectable()
export class AccessTokenStrategy {
  private readonly strategy: Strategy;

  constructor(keys: SigningKeys) {
    this.strategy = new Strategy(
      {
        jwtFromRequest: (request: unknown) => (request as TokenCarrier).token,
        secretOrKeyProvider: (_request: unknown, token: string, done) => {
          const key = keys.findPublicKey(keyIdOf(token));
          // The library takes key objects, which its types leave out; they spare it parsing PEM.
          done(
            key === null ? new Error('no such key') : null,
            (key as (KeyObject & string) | null) ?? undefined,
          );
        },
        algorithms: [ACCESS_TOKEN_ALGORITHM],
        issuer: ACCESS_TOKEN_ISSUER,
        audience: ACCESS_TOKEN_AUDIENCE,
        ignoreExpiration: true,
      },
      (payload: unknown, done: (error: null, claims: DecisiveClaims | false) => void) => {
        done(null, parseClaims(payload) ?? false);
      },
    );
  }

  /** The claims of a token with a good signature, issuer and audience; null for any other. */
  authenticate(token: string): Promise<DecisiveClaims | null> {
    return new Promise((resolve, reject) => {
      // Passport gives each request an instance that inherits from the strategy and is told the outcome.
      const attempt: Strategy = Object.create(this.strategy) as Strategy;
      attempt.success = (claims: unknown) => {
        resolve(claims as DecisiveClaims);
      };
      attempt.fail = () => {
        resolve(null);
      };
      attempt.error = reject;
      attempt.authenticate({ token } as never);
    });
  }
}

/** Empty when the header cannot be read; there is no key of that name. */
function keyIdOf(token: string): string {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString());
    const kid = typeof header === 'object' && header !== null && 'kid' in header ? header.kid : '';
    return typeof kid === 'string' ? kid : '';
  } catch {
    return '';
  }
}
