import { createHmac, hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import { EndedSessions } from './ended-sessions.js';
import {
  createRefreshToken,
  createSuccessor,
  encodeTag,
  parseRefreshToken,
  type RefreshToken,
} from './refresh-token.js';
import type { SessionDevice } from './session-device.js';
import { sessionScripts } from './session-scripts.js';
import { sessionKeysOf } from './session-shards.js';
import {
  type IssuedToken,
  type Opening,
  type Rotation,
  SessionStore,
  type SessionView,
} from './session-store.js';
import { type SessionTerms, sessionTermsOf } from './session-terms.js';
import { SessionStoreUnavailable } from './session.errors.js';
import { SessionMetrics, type SessionOperation } from './session.metrics.js';

/** A session id as it comes from outside; what has another form is in no book. */
const SESSION_ID = /^[\w-]{22}$/;

/** Sessions in the Redis of the role `sessions`; one script and one cluster slot an operation. */
@Injectable()
export class DistributedSessionService extends SessionStore {
  private readonly tagKey: Buffer;
  private readonly terms: SessionTerms;

  constructor(
    private readonly redis: RedisService,
    private readonly config: AppConfig,
    private readonly ended: EndedSessions,
    private readonly metrics: SessionMetrics,
  ) {
    super();
    this.tagKey = Buffer.from(
      hkdfSync('sha256', config.secrets.blindIndexKey, '', 'session routing tag', 32),
    );
    this.terms = sessionTermsOf(config);
  }

  override async create(subject: string, { userAgent, network }: SessionDevice): Promise<Opening> {
    const token = createRefreshToken(this.tagOf(subject));
    const { idleMs, absoluteMs, expiredMemoryMs, toldMs, censusGrainMs } = this.terms;
    const { SESSIONS_PER_USER_MAX, SESSION_LIMIT_POLICY } = this.config.env;
    const reply = await this.ask('create', () =>
      sessionScripts.bookOpen.run(this.client, keysOf(token.tag), [
        token.familyId,
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
    if (presented === null) return this.refuse('unknown');
    const successor = createSuccessor(presented);
    const { idleMs, expiredMemoryMs, toldMs, censusGrainMs } = this.terms;
    const exchange = () =>
      sessionScripts.bookRotate.run(this.client, keysOf(presented.tag), [
        presented.familyId,
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
    const reply = await this.ask('rotate', () => exchange().catch(exchange));
    if (reply.kind === 'refused') return this.refuse(reply.reason);
    this.count('rotate', 'done');
    return { kind: 'rotated', issued: toIssued(successor, reply.subject, reply) };
  }

  override async revoke(text: string): Promise<boolean> {
    const token = parseRefreshToken(text);
    return token !== null && (await this.end(token.tag, token.familyId));
  }

  override async revokeSession(subject: string, sessionId: string): Promise<boolean> {
    return SESSION_ID.test(sessionId) && (await this.end(encodeTag(this.tagOf(subject)), sessionId));
  }

  override async revokeAll(subject: string): Promise<number> {
    const { count, endedAtMs } = await this.ask('revoke_all', () =>
      this.runEnd(encodeTag(this.tagOf(subject)), '', subject),
    );
    this.ended.endUser(subject, endedAtMs, endedAtMs);
    this.count('revoke_all', 'done');
    this.metrics.events.revoked.count += count;
    return count;
  }

  override list(subject: string): Promise<SessionView[]> {
    const { book } = sessionKeysOf(encodeTag(this.tagOf(subject)));
    return this.ask('list', () => sessionScripts.bookList.run(this.client, [book], []));
  }

  override async confirm(subject: string, sessionId: string): Promise<boolean> {
    const reply = await this.ask('confirm', () =>
      sessionScripts.bookTouch.run(this.client, ...this.touchOf(subject, sessionId)),
    );
    this.count('confirm', reply === 'gone' ? 'unknown' : 'done');
    return reply !== 'gone';
  }

  /** KEYS and ARGV that note a use of the session. */
  touchOf(subject: string, sessionId: string): [keys: string[], args: (string | number)[]] {
    const { book, census } = sessionKeysOf(encodeTag(this.tagOf(subject)));
    const { idleMs, expiredMemoryMs, touchPauseMs, censusGrainMs } = this.terms;
    return [
      [book, census],
      [sessionId, idleMs, expiredMemoryMs, touchPauseMs, censusGrainMs],
    ];
  }

  private get client() {
    return this.redis.client('sessions');
  }

  private tagOf(subject: string): Buffer {
    return createHmac('sha256', this.tagKey).update(subject).digest();
  }

  private async end(tag: string, sessionId: string): Promise<boolean> {
    const { count, endedAtMs } = await this.ask('revoke', () => this.runEnd(tag, sessionId, ''));
    this.count('revoke', count > 0 ? 'done' : 'unknown');
    if (count === 0) return false;
    this.metrics.events.revoked.inc();
    this.ended.endSession(sessionId, endedAtMs);
    return true;
  }

  private runEnd(tag: string, sessionId: string, subject: string) {
    return sessionScripts.bookEnd.run(this.client, keysOf(tag), [
      sessionId,
      subject,
      this.terms.toldMs,
      redisKeys.sessionEndsChannel(),
      this.terms.censusGrainMs,
    ]);
  }

  private refuse(reason: Extract<Rotation, { kind: 'refused' }>['reason']): Rotation {
    this.count('rotate', reason);
    if (reason !== 'unknown') this.metrics.events[reason].inc();
    return { kind: 'refused', reason };
  }

  private count(operation: SessionOperation, result: string): void {
    this.metrics.operations.inc({ operation, result });
  }

  private async ask<T>(operation: SessionOperation, work: () => Promise<T>): Promise<T> {
    try {
      return await this.metrics.timed(operation, work);
    } catch (error) {
      if (isDefect(error)) throw error;
      this.count(operation, 'unavailable');
      throw new SessionStoreUnavailable(error);
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
    sessionId: token.familyId,
    subject,
    openedAtMs,
    expiresInSeconds: Math.max(1, Math.floor(lifeMs / 1000)),
  };
}

/** A broken script or a missing right is a fault of ours, which waiting does not mend. */
function isDefect(error: unknown): boolean {
  return error instanceof Error && /^(ERR|WRONGTYPE|CROSSSLOT|NOPERM)\b/.test(error.message);
}
