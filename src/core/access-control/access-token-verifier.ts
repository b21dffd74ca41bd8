import type { Principal } from './principal.js';

/** Proves access tokens. Bound by the module that issues them. */
export abstract class AccessTokenVerifier {
  /**
   * The principal of a valid token; null when the token is malformed, forged or expired. Needs no store,
   * and no promise for a token that is known to be valid.
   */
  abstract verify(token: string): Principal | Promise<Principal | null>;
}
