import type { Principal } from './principal.js';

/** Proves access tokens. Bound by the module that issues them. */
export abstract class AccessTokenVerifier {
  /** The principal of a valid token; null when the token is malformed, forged or expired. Needs no store. */
  abstract verify(token: string): Promise<Principal | null>;

  /** The principal of a token that is known to be valid; null for any other, which is then to be verified. */
  abstract recall(token: string): Principal | null;
}
