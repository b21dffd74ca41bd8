/** A refresh token that was just issued, and the session (token family) it belongs to. */
export interface IssuedToken {
  /** Opaque, single use, shown to its holder only; the store keeps a hash of its secret. */
  readonly token: string;
  /** Public name of the session; it appears in access tokens. Not a credential. */
  readonly sessionId: string;
  /** Whoever the session was opened for, as given to `create`. */
  readonly subject: string;
  /** Until the token can no longer be used, whole seconds, at least 1. */
  readonly expiresInSeconds: number;
}

/**
 * `unknown`: malformed, never issued, revoked, or forgotten after its expiry. `reused`: a token of this
 * family that was exchanged before; the family is revoked now. `expired`: known, but too old.
 */
export type RotationRefusal = 'unknown' | 'reused' | 'expired';

export type Rotation =
  | { readonly kind: 'rotated'; readonly issued: IssuedToken }
  | { readonly kind: 'refused'; readonly reason: RotationRefusal };

/**
 * Sessions as families of refresh tokens (OAuth 2.0 Security BCP, RFC 9700, 4.14.2): each use of a
 * token replaces it by its successor, and a second use of any former token revokes the whole family,
 * because two parties hold what one was given.
 *
 * - A family ends after REFRESH_TOKEN_TTL_SECONDS without use, and in any case 30 days after it was
 *   opened. Times are the store's, so clocks of processes do not matter.
 * - Of concurrent exchanges of one token exactly one wins; each other one is a reuse and revokes the
 *   family, the winner's new token included. There is no grace for a token that was exchanged just now:
 *   a thief would fit into it. The price is that a client whose answer was lost on its way must log in
 *   again, and that a client with several tabs serialises its refreshes (Web Locks).
 * - Revoked stays revoked: nothing but `create` makes a family, and it makes a new one each time.
 * - A subject has at most 50 families; opening one more revokes the one that would end first.
 * - Every key has a time to live; nothing needs a clean-up job.
 *
 * When the store is lost, sessions are gone, and every method throws SessionStoreUnavailable until it is
 * back; there is no substitute in memory. After that error the effect of the call is not known. Only
 * `rotate` asks a second time by itself, for which its script is idempotent, so that one slow answer of
 * the store does not cost the session.
 */
export abstract class SessionStore {
  /** Opens a new family. @throws SessionStoreUnavailable */
  abstract create(subject: string): Promise<IssuedToken>;

  /** Exchanges a token for its successor. @throws SessionStoreUnavailable */
  abstract rotate(token: string): Promise<Rotation>;

  /**
   * Ends the family of the token, whether the token is its latest or a former one.
   * False when there was none (any more). @throws SessionStoreUnavailable
   */
  abstract revoke(token: string): Promise<boolean>;

  /** Ends every family of the subject and tells how many there were. @throws SessionStoreUnavailable */
  abstract revokeAll(subject: string): Promise<number>;
}
