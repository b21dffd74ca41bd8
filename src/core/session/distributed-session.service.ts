import { createHmac, hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { AppConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import {
  createRefreshToken,
  createSuccessor,
  encodeTag,
  parseRefreshToken,
  type RefreshToken,
} from './refresh-token.js';
import { sessionScripts } from './session-scripts.js';
import { type IssuedToken, type Rotation, SessionStore } from './session-store.js';
import { SessionStoreUnavailable } from './session.errors.js';

/** NIST SP 800-63B, 4.1.3: a person authenticates again at least every 30 days. */
const ABSOLUTE_LIFE_MS = 30 * 24 * 3_600_000;
/** More devices than one person has; it bounds what one account can occupy to about 20 kB. */
const FAMILIES_MAX = 50;
/** An expired family is told from an unknown one this long, which is for metrics only. */
const EXPIRED_MEMORY_MS = 60_000;

type Operation = 'create' | 'rotate' | 'revoke' | 'revoke_all';

/** Token families in the Redis of the role `sessions`; one script and one cluster slot an operation. */
@Injectable()
export class DistributedSessionService extends SessionStore {
  private readonly tagKey: Buffer;
  private readonly idleLifeMs: number;
  private readonly operations: Counter<'operation' | 'result'>;

  constructor(
    private readonly redis: RedisService,
    { env, secrets }: AppConfig,
    metrics: Metrics,
  ) {
    super();
    this.tagKey = Buffer.from(hkdfSync('sha256', secrets.blindIndexKey, '', 'session routing tag', 32));
    this.idleLifeMs = env.REFRESH_TOKEN_TTL_SECONDS * 1000;
    this.operations = metrics.counter({
      name: 'session_operations_total',
      help: 'Operations on sessions by their result',
      labelNames: ['operation', 'result'],
    });
  }

  override async create(subject: string): Promise<IssuedToken> {
    const token = createRefreshToken(this.tagOf(subject));
    const lifeMs = await this.ask('create', () =>
      sessionScripts.familyCreate.run(this.client, keysOf(token), [
        token.familyId,
        token.secretHash,
        subject,
        this.idleLifeMs,
        ABSOLUTE_LIFE_MS,
        EXPIRED_MEMORY_MS,
        FAMILIES_MAX,
        redisKeys.sessionFamily(token.tag, ''),
      ]),
    );
    this.operations.inc({ operation: 'create', result: 'done' });
    return toIssued(token, subject, lifeMs);
  }

  override async rotate(text: string): Promise<Rotation> {
    const presented = parseRefreshToken(text);
    if (presented === null) return this.refuse('unknown');
    const successor = createSuccessor(presented);
    const exchange = () =>
      sessionScripts.familyRotate.run(this.client, keysOf(presented), [
        presented.familyId,
        presented.secretHash,
        successor.secretHash,
        this.idleLifeMs,
        EXPIRED_MEMORY_MS,
      ]);
    // Had the first attempt been executed and only its reply come late, giving up here would turn the
    // client's own retry into a reuse. Nobody else knows the successor, so asking again is safe.
    const reply = await this.ask('rotate', () => exchange().catch(exchange));
    if (reply.kind === 'refused') return this.refuse(reply.reason);
    this.operations.inc({ operation: 'rotate', result: 'done' });
    return { kind: 'rotated', issued: toIssued(successor, reply.subject, reply.lifeMs) };
  }

  override async revoke(text: string): Promise<boolean> {
    const token = parseRefreshToken(text);
    const count =
      token === null
        ? 0
        : await this.ask('revoke', () =>
            sessionScripts.familyRevoke.run(this.client, keysOf(token), [token.familyId]),
          );
    this.operations.inc({ operation: 'revoke', result: count > 0 ? 'done' : 'unknown' });
    return count > 0;
  }

  override async revokeAll(subject: string): Promise<number> {
    const tag = encodeTag(this.tagOf(subject));
    const count = await this.ask('revoke_all', () =>
      sessionScripts.subjectRevoke.run(
        this.client,
        [redisKeys.sessionIndex(tag)],
        [redisKeys.sessionFamily(tag, '')],
      ),
    );
    this.operations.inc({ operation: 'revoke_all', result: 'done' });
    return count;
  }

  private get client() {
    return this.redis.client('sessions');
  }

  private tagOf(subject: string): Buffer {
    return createHmac('sha256', this.tagKey).update(subject).digest();
  }

  private refuse(reason: Extract<Rotation, { kind: 'refused' }>['reason']): Rotation {
    this.operations.inc({ operation: 'rotate', result: reason });
    return { kind: 'refused', reason };
  }

  private async ask<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDefect(error)) throw error;
      this.operations.inc({ operation, result: 'unavailable' });
      throw new SessionStoreUnavailable(error);
    }
  }
}

function keysOf({ tag, familyId }: RefreshToken): string[] {
  return [redisKeys.sessionFamily(tag, familyId), redisKeys.sessionIndex(tag)];
}

function toIssued(token: RefreshToken, subject: string, lifeMs: number): IssuedToken {
  return {
    token: token.text,
    sessionId: token.familyId,
    subject,
    expiresInSeconds: Math.max(1, Math.floor(lifeMs / 1000)),
  };
}

/** A broken script or a missing right is a fault of ours, which waiting does not mend. */
function isDefect(error: unknown): boolean {
  return error instanceof Error && /^(ERR|WRONGTYPE|CROSSSLOT|NOPERM)\b/.test(error.message);
}
