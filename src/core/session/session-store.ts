import type { SessionDevice } from './session-device.js';

/** A refresh token that was just issued, and the session (token family) it belongs to. */
export interface IssuedToken {
  /** Opaque, single use, shown to its holder only; the store keeps a hash of its secret. */
  readonly token: string;
  /** Public name of the session; it appears in access tokens. Not a credential. */
  readonly sessionId: string;
  /** Whoever the session was opened for, as given to `create`. */
  readonly subject: string;
  /** When the session was opened, in the store's time; the epoch of a subject is compared with it. */
  readonly openedAtMs: number;
  /** Until the token can no longer be used, whole seconds, at least 1. */
  readonly expiresInSeconds: number;
}

/** `limit_reached`: the subject has SESSIONS_PER_USER_MAX sessions, and SESSION_LIMIT_POLICY says reject. */
export type Opening =
  { readonly kind: 'opened'; readonly issued: IssuedToken } | { readonly kind: 'limit_reached' };

/**
 * `unknown`: malformed, never issued, revoked, or forgotten after its expiry. `reused`: a token of this
 * family that was exchanged before; the family is revoked now. `expired`: known, but too old.
 */
export type RotationRefusal = 'unknown' | 'reused' | 'expired';

export type Rotation =
  | { readonly kind: 'rotated'; readonly issued: IssuedToken }
  | {
      readonly kind: 'refused';
      readonly reason: RotationRefusal;
      /** Whose session it was that ends with the refusal; null when the token is `unknown`. */
      readonly subject: string | null;
    };

/** What a person is shown of one of their sessions; times are the store's, milliseconds since the epoch. */
export interface SessionView extends SessionDevice {
  readonly sessionId: string;
  readonly openedAtMs: number;
  /** At most SESSION_TOUCH_INTERVAL_SECONDS late. */
  readonly seenAtMs: number;
  /** The idle expiry as it is now. */
  readonly expiresAtMs: number;
}

export interface SessionListing {
  /** In no order. */
  readonly sessions: readonly SessionView[];
  /** Regions that could not be asked: what was opened there is not in the list. */
  readonly missingRegions: readonly string[];
}

/**
 * Sessions as families of refresh tokens (OAuth 2.0 Security BCP, RFC 9700, 4.14.2): each use of a
 * token replaces it by its successor, and a second use of any former token revokes the whole family,
 * because two parties hold what one was given.
 *
 * - A session ends after REFRESH_TOKEN_TTL_SECONDS without use, and in any case SESSION_ABSOLUTE_TTL_SECONDS
 *   after it was opened. Times are the store's, so clocks of processes do not matter.
 * - Of concurrent exchanges of one token exactly one wins; each other one is a reuse and revokes the
 *   family, the winner's new token included. There is no grace for a token that was exchanged just now:
 *   a thief would fit into it. The price is that a client whose answer was lost on its way must log in
 *   again, and that a client with several tabs serialises its refreshes (Web Locks).
 * - Revoked stays revoked: nothing but `create` makes a session, and it makes a new one each time. Every
 *   change is one script on the server that reads the record as it is then and changes its own fields of
 *   it; no caller ever writes back what it read.
 * - A subject has at most SESSIONS_PER_USER_MAX sessions, also under parallel log-ins; SESSION_LIMIT_POLICY
 *   says whether one more revokes the one that would end first or is refused.
 * - All sessions of a subject are one key, which expires with the last of them: there is no index that
 *   could disagree with them or outlive them, and nothing needs a clean-up job.
 * - Every early end (log-out, revocation, eviction, reuse) is told to all processes by the same script that
 *   makes it: {@link EndedSessions}.
 *
 * A session has a home: the region it was opened in (REGION), whose Redis alone has it. Another region goes
 * there to change it (REDIS_SESSION_REGIONS), and throws SessionRegionUnavailable when it cannot: a family never
 * has two copies that could part. Limits and times are those of each region; `list` and `revokeAll` ask all.
 * The home of a session that names a region unknown to this process is nowhere: it is an unknown one.
 *
 * When the store is lost, sessions are gone, and every method throws SessionStoreUnavailable until it is
 * back; there is no substitute in memory. After that error the effect of the call is not known. Only
 * `rotate` asks a second time by itself, for which its script is idempotent, so that one slow answer of
 * the store does not cost the session.
 */
export abstract class SessionStore {
  /** Opens a new session. @throws SessionStoreUnavailable */
  abstract create(subject: string, device: SessionDevice): Promise<Opening>;

  /** Exchanges a token for its successor. @throws SessionStoreUnavailable, SessionRegionUnavailable */
  abstract rotate(token: string): Promise<Rotation>;

  /**
   * Ends the session of the token, whether the token is its latest or a former one, and tells whose it was.
   * Null when there was none (any more). @throws SessionStoreUnavailable, SessionRegionUnavailable
   */
  abstract revoke(token: string): Promise<string | null>;

  /**
   * Ends one session of the subject; false when it has no such session.
   * @throws SessionStoreUnavailable, SessionRegionUnavailable
   */
  abstract revokeSession(subject: string, sessionId: string): Promise<boolean>;

  /**
   * Ends every session of the subject and tells how many there were. Also ends what the store has forgotten:
   * no access token of a session that was opened before is accepted any more. Every region is told; when one
   * of them cannot be, the others' sessions are ended all the same, and the call has to be repeated.
   * @throws SessionStoreUnavailable, SessionRegionUnavailable
   */
  abstract revokeAll(subject: string): Promise<number>;

  /** The sessions of the subject that have not expired. @throws SessionStoreUnavailable */
  abstract list(subject: string): Promise<SessionListing>;

  /**
   * Asks the store, and nobody else, whether the session is alive, and counts as a use of it.
   * @throws SessionStoreUnavailable, SessionRegionUnavailable
   */
  abstract confirm(subject: string, sessionId: string): Promise<boolean>;
}
