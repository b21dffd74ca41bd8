import type { Principal } from './principal.js';

/** Proves access tokens. Bound by the module that issues them. */
export abstract class AccessTokenVerifier {
  /**
   * The principal of a valid token; null when the token is malformed, forged or expired, or when this process
   * knows that its session was ended. Needs no store, and no promise for a token that is known to be valid.
   */
  abstract verify(token: string): Principal | Promise<Principal | null>;

  /**
   * Asks the session store whether the session of the principal is alive at this moment; false when it is not.
   * @throws Problem `SESSION_STORE_UNAVAILABLE`
   */
  abstract confirm(principal: Principal): Promise<boolean>;
}
