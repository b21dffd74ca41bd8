import { splitMark } from './session-regions.js';

/** Whose end is asked about: what an access token says of itself. */
export interface SessionClaim {
  readonly subject: string;
  readonly sessionId: string;
  /** When the session was opened, in the store's time; 0 when the token does not say. */
  readonly openedAtMs: number;
  /** When the token was issued. */
  readonly issuedAtMs: number;
}

/** About 150 bytes each. More early ends within the life of an access token than this are an incident. */
const REMEMBERED_MAX = 100_000;

/**
 * What this process knows of sessions that ended before their time, for as long as access tokens of them
 * could still be valid. Answers at once and without a store; {@link RevocationFeed} keeps it true.
 *
 * `version` grows with every end that is noted: who has found a session alive under the present version
 * need not ask again.
 *
 * Bounded: when there are more ends than it may hold, the oldest are forgotten, and in their stead every
 * token that was issued before them is refused. Their clients refresh, which those of ended sessions cannot.
 */
export class EndedSessions {
  /** In the order of their ends, as both maps are. */
  private readonly sessions = new Map<string, number>();
  /** By subject and home region: the epochs of a region are times of its store. */
  private readonly users = new Map<string, { readonly epochMs: number; readonly endedAtMs: number }>();
  private changes = 0;
  private floorMs = 0;

  /** One that is not enabled learns nothing: access tokens work until they expire. */
  constructor(
    private readonly isEnabled: boolean,
    private readonly max = REMEMBERED_MAX,
    private readonly unmarkedRegion = '',
  ) {}

  get version(): number {
    return this.changes;
  }

  get size(): number {
    return this.sessions.size + this.users.size;
  }

  /** Tokens issued up to here are refused, in milliseconds; 0 while nothing had to be forgotten early. */
  get issuedFloorMs(): number {
    return this.floorMs;
  }

  endSession(sessionId: string, endedAtMs: number): void {
    if (!this.isEnabled || this.sessions.has(sessionId)) return;
    this.sessions.set(sessionId, endedAtMs);
    this.noteChange();
  }

  /** Ends whatever was opened for the subject up to the epoch, in one region; by default that of what is not marked. */
  endUser(subject: string, epochMs: number, endedAtMs: number, region = ''): void {
    if (!this.isEnabled) return;
    const user = this.keyOf(subject, region);
    const known = this.users.get(user);
    if (known !== undefined && known.epochMs >= epochMs) return;
    this.users.delete(user);
    this.users.set(user, { epochMs, endedAtMs });
    this.noteChange();
  }

  hasEnded({ subject, sessionId, openedAtMs, issuedAtMs }: SessionClaim): boolean {
    if (this.sessions.has(sessionId) || issuedAtMs < this.floorMs) return true;
    const user = this.users.get(this.keyOf(subject, splitMark(sessionId)?.region ?? ''));
    return user !== undefined && openedAtMs <= user.epochMs;
  }

  /** Forgets what ended before this millisecond: no access token of it can be valid any more. */
  forgetBefore(endedAtMs: number): void {
    for (const [sessionId, at] of this.sessions) {
      if (at >= endedAtMs) break;
      this.sessions.delete(sessionId);
    }
    for (const [subject, { endedAtMs: at }] of this.users) {
      if (at >= endedAtMs) break;
      this.users.delete(subject);
    }
  }

  private keyOf(subject: string, region: string): string {
    return region === '' || region === this.unmarkedRegion ? subject : `${region} ${subject}`;
  }

  private noteChange(): void {
    this.changes += 1;
    if (this.size <= this.max) return;
    // A tenth at once: one at a time, each further end would change the floor and with it the version.
    for (let dropped = 0; dropped < this.max / 10; dropped += 1) this.dropOldest();
  }

  private dropOldest(): void {
    const [session] = this.sessions;
    const [user] = this.users;
    const sessionAtMs = session?.[1] ?? Infinity;
    const userAtMs = user?.[1].endedAtMs ?? Infinity;
    const isSession = sessionAtMs <= userAtMs;
    if (isSession && session !== undefined) this.sessions.delete(session[0]);
    else if (user !== undefined) this.users.delete(user[0]);
    const atMs = Math.min(sessionAtMs, userAtMs);
    // The token may be as young as its end; clocks of processes and of the store differ a little.
    if (Number.isFinite(atMs)) this.floorMs = Math.max(this.floorMs, atMs + CLOCK_SKEW_MS);
  }
}

/** What NTP keeps apart hosts by far. */
const CLOCK_SKEW_MS = 1000;
