import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { deriveKey } from '../../common/derived-key.js';
import { AppConfig } from '../../config/index.js';
import { redisKeys } from '../../infrastructure/redis/index.js';
import { EndedSessions } from './ended-sessions.js';
import {
  createRefreshToken,
  createSuccessor,
  encodeTag,
  markOfSessionId,
  parseRefreshToken,
  type RefreshToken,
} from './refresh-token.js';
import type { SessionDevice } from './session-device.js';
import { type SessionRegion, SessionRegions } from './session-regions.js';
import { sessionScripts } from './session-scripts.js';
import { sessionKeysOf } from './session-shards.js';
import {
  type IssuedToken,
  type Opening,
  type Rotation,
  type RotationRefusal,
  type SessionListing,
  SessionStore,
} from './session-store.js';
import { type SessionTerms, sessionTermsOf } from './session-terms.js';
import { SessionRegionUnavailable, SessionStoreUnavailable } from './session.errors.js';
import { SessionMetrics, type SessionOperation } from './session.metrics.js';

/** A note that a session is in use: for `bookTouch`, in the home region of the session. */
export interface Touch {
  readonly home: SessionRegion;
  readonly keys: string[];
  readonly args: (string | number)[];
}

/** Sessions in the Redis of the role `sessions` of their regions; one script and one cluster slot an operation. */
@Injectable()
export class DistributedSessionService extends SessionStore {
  private readonly tagKey: Buffer;
  private readonly terms: SessionTerms;

  constructor(
    private readonly regions: SessionRegions,
    private readonly config: AppConfig,
    private readonly ended: EndedSessions,
    private readonly metrics: SessionMetrics,
  ) {
    super();
    this.tagKey = deriveKey(config.secrets.blindIndexKey, 'session routing tag');
    this.terms = sessionTermsOf(config);
  }

  override async create(subject: string, { userAgent, network }: SessionDevice): Promise<Opening> {
    const token = createRefreshToken(this.regions.ownMark, this.tagOf(subject));
    const { idleMs, absoluteMs, expiredMemoryMs, toldMs, censusGrainMs } = this.terms;
    const { SESSIONS_PER_USER_MAX, SESSION_LIMIT_POLICY } = this.config.env;
    const reply = await this.ask('create', this.regions.own, ({ client }) =>
      sessionScripts.bookOpen.run(client, keysOf(token.tag), [
        token.sessionId,
        token.secretHash,
        subject,
        idleMs,
        absoluteMs,
        expiredMemoryMs,
        SESSIONS_PER_USER_MAX,
        SESSION_LIMIT_POLICY,
        userAgent,
        network,
        toldMs,
        redisKeys.sessionEndsChannel(),
        censusGrainMs,
      ]),
    );
    if (reply.kind === 'full') {
      this.count('create', 'rejected');
      this.metrics.events.rejected.inc();
      return { kind: 'limit_reached' };
    }
    this.count('create', 'done');
    this.metrics.events.created.inc();
    for (const sessionId of reply.evicted) {
      this.metrics.events.evicted.inc();
      this.ended.endSession(sessionId, reply.openedAtMs);
    }
    return { kind: 'opened', issued: toIssued(token, subject, reply) };
  }

  override async rotate(text: string): Promise<Rotation> {
    const presented = parseRefreshToken(text);
    const home = presented && this.regions.homeOf(presented.mark);
    if (presented === null || home === null) return this.refuse('unknown', null);
    const successor = createSuccessor(presented);
    const { idleMs, expiredMemoryMs, toldMs, censusGrainMs } = this.terms;
    const exchange = ({ client }: SessionRegion) =>
      sessionScripts.bookRotate.run(client, keysOf(presented.tag), [
        presented.sessionId,
        presented.secretHash,
        successor.secretHash,
        idleMs,
        expiredMemoryMs,
        toldMs,
        redisKeys.sessionEndsChannel(),
        censusGrainMs,
      ]);
    // Had the first attempt been executed and only its reply come late, giving up here would turn the
    // client's own retry into a reuse. Nobody else knows the successor, so asking again is safe.
    const reply = await this.ask('rotate', home, (region) => exchange(region).catch(() => exchange(region)));
    if (reply.kind === 'refused') return this.refuse(reply.reason, reply.subject);
    this.count('rotate', 'done');
    return { kind: 'rotated', issued: toIssued(successor, reply.subject, reply) };
  }

  override async revoke(text: string): Promise<string | null> {
    const token = parseRefreshToken(text);
    const home = token && this.regions.homeOf(token.mark);
    return token === null || home === null ? null : this.end(home, token.tag, token.sessionId);
  }

  override async revokeSession(subject: string, sessionId: string): Promise<boolean> {
    const home = this.homeOf(sessionId);
    return home !== null && (await this.end(home, encodeTag(this.tagOf(subject)), sessionId)) !== null;
  }

  override async revokeAll(subject: string): Promise<number> {
    const tag = encodeTag(this.tagOf(subject));
    const outcomes = await Promise.allSettled(
      this.regions.all.map((home) => this.endAllIn(home, tag, subject)),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason as Error;
    return outcomes.reduce((sum, outcome) => sum + (outcome.status === 'fulfilled' ? outcome.value : 0), 0);
  }

  override async list(subject: string): Promise<SessionListing> {
    const { book } = sessionKeysOf(encodeTag(this.tagOf(subject)));
    const missingRegions: string[] = [];
    const lists = await Promise.all(
      this.regions.all.map((home) =>
        this.ask('list', home, ({ client }) => sessionScripts.bookList.run(client, [book], [])).catch(
          (error: unknown) => {
            if (!(error instanceof SessionRegionUnavailable)) throw error;
            missingRegions.push(home.name);
            return [];
          },
        ),
      ),
    );
    return { sessions: lists.flat(), missingRegions };
  }

  override async confirm(subject: string, sessionId: string): Promise<boolean> {
    const touch = this.touchOf(subject, sessionId);
    if (touch === null) return false;
    const { home, keys, args } = touch;
    const reply = await this.ask('confirm', home, ({ client }) =>
      sessionScripts.bookTouch.run(client, keys, args),
    );
    this.count('confirm', reply === 'gone' ? 'unknown' : 'done');
    return reply !== 'gone';
  }

  /** What notes a use of the session; null when this process does not know its home. */
  touchOf(subject: string, sessionId: string): Touch | null {
    const home = this.homeOf(sessionId);
    if (home === null) return null;
    const { book, census } = sessionKeysOf(encodeTag(this.tagOf(subject)));
    const { idleMs, expiredMemoryMs, touchPauseMs, censusGrainMs } = this.terms;
    const args = [sessionId, idleMs, expiredMemoryMs, touchPauseMs, censusGrainMs];
    return { home, keys: [book, census], args };
  }

  private homeOf(sessionId: string): SessionRegion | null {
    const mark = markOfSessionId(sessionId);
    return mark === null ? null : this.regions.homeOf(mark);
  }

  private tagOf(subject: string): Buffer {
    return createHmac('sha256', this.tagKey).update(subject).digest();
  }

  /** Whose session it was; null when there was none. */
  private async end(home: SessionRegion, tag: string, sessionId: string): Promise<string | null> {
    const { count, endedAtMs, subject } = await this.ask('revoke', home, () =>
      this.runEnd(home, tag, sessionId, ''),
    );
    this.count('revoke', count > 0 ? 'done' : 'unknown');
    if (count === 0) return null;
    this.metrics.events.revoked.inc();
    this.ended.endSession(sessionId, endedAtMs);
    return subject;
  }

  /** How many sessions of the subject were there. */
  private async endAllIn(home: SessionRegion, tag: string, subject: string): Promise<number> {
    const { count, endedAtMs } = await this.ask('revoke_all', home, () =>
      this.runEnd(home, tag, '', subject),
    );
    this.ended.endUser(subject, endedAtMs, endedAtMs, home.name);
    this.count('revoke_all', 'done');
    this.metrics.events.revoked.count += count;
    return count;
  }

  private runEnd({ client }: SessionRegion, tag: string, sessionId: string, subject: string) {
    return sessionScripts.bookEnd.run(client, keysOf(tag), [
      sessionId,
      subject,
      this.terms.toldMs,
      redisKeys.sessionEndsChannel(),
      this.terms.censusGrainMs,
    ]);
  }

  private refuse(reason: RotationRefusal, subject: string | null): Rotation {
    this.count('rotate', reason);
    if (reason !== 'unknown') this.metrics.events[reason].inc();
    return { kind: 'refused', reason, subject };
  }

  private count(operation: SessionOperation, result: string): void {
    this.metrics.operations.inc({ operation, result });
  }

  private async ask<T>(
    operation: SessionOperation,
    home: SessionRegion,
    work: (home: SessionRegion) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.metrics.timed(operation, home.isOwn, () => work(home));
    } catch (error) {
      if (isDefect(error)) throw error;
      this.count(operation, home.isOwn ? 'unavailable' : 'region_unavailable');
      throw home.isOwn ? new SessionStoreUnavailable(error) : new SessionRegionUnavailable(home.name, error);
    }
  }
}

function keysOf(tag: string): string[] {
  const { book, ends, census } = sessionKeysOf(tag);
  return [book, ends, census];
}

function toIssued(
  token: RefreshToken,
  subject: string,
  { lifeMs, openedAtMs }: { lifeMs: number; openedAtMs: number },
): IssuedToken {
  return {
    token: token.text,
    sessionId: token.sessionId,
    subject,
    openedAtMs,
    expiresInSeconds: Math.max(1, Math.floor(lifeMs / 1000)),
  };
}

/** A broken script or a missing right is a fault of ours, which waiting does not mend. */
function isDefect(error: unknown): boolean {
  return error instanceof Error && /^(ERR|WRONGTYPE|CROSSSLOT|NOPERM)\b/.test(error.message);
}
