import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../common/clock.js';
import { AccessTokenVerifier, type Principal } from '../../core/access-control/index.js';
import { EndedSessions, SessionActivity, type SessionClaim, SessionStore } from '../../core/session/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { permissionsOf } from '../users/index.js';
import { OPERATOR_SESSION } from './access-token-claims.js';
import { AccessTokenStrategy } from './access-token.strategy.js';

/** About 1.5 kB each: the tokens of a flash sale's crowd in 25 MB. */
const REMEMBERED_TOKENS_MAX = 16_384;

/** Hashing these few characters of the signature is cheaper than hashing all 700 of a token. */
const KEY_LENGTH = 24;

interface Verified {
  readonly token: string;
  readonly principal: Principal;
  readonly claim: SessionClaim;
  readonly expiresAtMs: number;
  /** The version of the ended sessions under which this one was alive. */
  aliveAt: number;
  /** When the next use is to be noted. */
  noteAtMs: number;
}

/**
 * Verifies a signature once per token and process, and remembers valid tokens until they expire.
 *
 * An RS256 verification costs 15 µs in OpenSSL and about 60 µs with the library around it, all on the
 * event loop and more than a cached read of the catalogue; a remembered token costs about 1 µs. The
 * whole token is compared: any other spelling is another token. Refusals are not remembered, so forged
 * tokens cannot push out real ones. Whether its session was ended is known locally; a token that was found
 * alive is only compared again when an end has become known since, which one number tells.
 */
@Injectable()
export class CachingAccessTokenVerifier extends AccessTokenVerifier {
  private readonly verified = new LRUCache<string, Verified>({ max: REMEMBERED_TOKENS_MAX });
  private readonly found;

  constructor(
    private readonly strategy: AccessTokenStrategy,
    private readonly clock: Clock,
    private readonly ended: EndedSessions,
    private readonly activity: SessionActivity,
    private readonly sessions: SessionStore,
    metrics: Metrics,
  ) {
    super();
    this.found = metrics.tallies({
      name: 'auth_tokens_verified_total',
      help: 'Access tokens found valid, by how',
      label: 'source',
      values: ['cache', 'signature'],
    });
    metrics.reading({
      name: 'auth_tokens_remembered',
      help: 'Valid access tokens whose signature need not be verified again',
      read: () => this.verified.size,
    });
  }

  override verify(token: string): Principal | Promise<Principal | null> {
    return this.recall(token) ?? this.verifySignature(token);
  }

  override confirm({ userId, sessionId }: Principal): Promise<boolean> {
    if (sessionId === OPERATOR_SESSION) return Promise.resolve(true);
    return this.sessions.confirm(userId, sessionId);
  }

  private recall(token: string): Principal | null {
    const known = this.verified.get(keyOf(token));
    if (known?.token !== token) return null;
    const nowMs = this.clock.nowMs();
    if (nowMs >= known.expiresAtMs || !this.isAlive(known)) {
      this.verified.delete(keyOf(token));
      return null;
    }
    if (nowMs >= known.noteAtMs) this.noteUse(known, nowMs);
    this.found.cache.inc();
    return known.principal;
  }

  private isAlive(known: Verified): boolean {
    const { version } = this.ended;
    if (known.aliveAt === version) return true;
    if (this.ended.hasEnded(known.claim)) return false;
    known.aliveAt = version;
    return true;
  }

  private noteUse(known: Verified, nowMs: number): void {
    const { subject, sessionId } = known.claim;
    known.noteAtMs = nowMs + this.activity.pauseMs;
    this.activity.note(subject, sessionId);
  }

  private async verifySignature(token: string): Promise<Principal | null> {
    const claims = await this.strategy.authenticate(token);
    if (claims === null) return null;
    const expiresAtMs = claims.exp * 1000;
    const claim: SessionClaim = {
      subject: claims.sub,
      sessionId: claims.sid,
      openedAtMs: Math.round(claims.auth_time * 1000),
      issuedAtMs: claims.iat * 1000,
    };
    const { version } = this.ended;
    if (this.clock.nowMs() >= expiresAtMs || this.ended.hasEnded(claim)) return null;
    const principal: Principal = Object.freeze({
      userId: claims.sub,
      role: claims.role,
      sessionId: claims.sid,
      permissions: permissionsOf(claims.role),
    });
    this.verified.set(keyOf(token), {
      token,
      principal,
      claim,
      expiresAtMs,
      aliveAt: version,
      // The session was used when the token was issued; a tool's token has none.
      noteAtMs: claims.sid === OPERATOR_SESSION ? Infinity : claim.issuedAtMs + this.activity.pauseMs,
    });
    this.found.signature.inc();
    return principal;
  }
}

function keyOf(token: string): string {
  return token.slice(-KEY_LENGTH);
}
