import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Clock } from '../../common/clock.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { redisKeys, RedisService, type Subscription } from '../../infrastructure/redis/index.js';
import { EndedSessions } from './ended-sessions.js';
import { SESSION_SHARDS } from './session-shards.js';
import { sessionTermsOf } from './session-terms.js';
import { SessionMetrics } from './session.metrics.js';

/** Read again at each look: a server that takes over may be behind by its clock. */
const OVERLAP_MS = 2000;
/** A server answers this many in a few milliseconds; more of one millisecond do not occur. */
const CHUNK = 1000;
/** After a look that failed: the subscription may stand again before the connection for commands does. */
const RETRY_PAUSE_MS = 100;
/** The start waits this long for the first look; without a store the process starts as it goes on without one. */
const FIRST_LOOK_DEADLINE_MS = 1000;
const FIRST_LOOK_CHECK_MS = 10;

/**
 * Keeps {@link EndedSessions} true in this process: ends are pushed to it by the script that makes them, and
 * it looks for them as well, every SESSION_REVOCATION_POLL_MS and whenever a push may have been missed.
 *
 * An end is known here within milliseconds; when its message is lost, within SESSION_REVOCATION_POLL_MS and
 * the deadline of one command. While the session store is away nothing is learned, and what is known stays
 * known: access tokens work until they expire.
 */
@Injectable()
export class RevocationFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly isEnabled: boolean;
  private readonly pollMs: number;
  private readonly toldMs: number;
  /** The latest end that a look has found in each shard. */
  private readonly cursors = new Map<string, number>();
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | null = null;
  private mustLookAgain = false;
  private lookedAtMs: number | null = null;
  private isStopped = false;

  constructor(
    private readonly redis: RedisService,
    private readonly ended: EndedSessions,
    private readonly metrics: SessionMetrics,
    private readonly clock: Clock,
    private readonly logger: Logger,
    registry: Metrics,
    config: AppConfig,
  ) {
    this.isEnabled = config.env.FEATURE_SESSION_REVOCATION;
    this.pollMs = config.env.SESSION_REVOCATION_POLL_MS;
    this.toldMs = sessionTermsOf(config).toldMs;
    const startedAtMs = clock.monotonicMs();
    registry.gauge({
      name: 'session_revocations_age_seconds',
      help: 'Time since this process has last looked for ended sessions with success',
      collect: (gauge) => {
        gauge.set(this.isEnabled ? (clock.monotonicMs() - (this.lookedAtMs ?? startedAtMs)) / 1000 : 0);
      },
    });
  }

  /** Resolves when the process knows what ended before it started, or cannot learn it now. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.isEnabled) return;
    this.subscription = this.redis.subscribe('sessions', redisKeys.sessionEndsChannel(), {
      onMessage: (message) => {
        const space = message.indexOf(' ');
        if (this.learn(message.slice(space + 1), Number(message.slice(0, space))))
          this.metrics.revocationsLearned.push.inc();
      },
      onGap: () => {
        // Perhaps another server, which has what the former one never sent: read all that it still tells.
        this.cursors.clear();
        void this.look();
      },
    });
    const deadlineMs = this.clock.monotonicMs() + FIRST_LOOK_DEADLINE_MS;
    void this.look();
    while (this.lookedAtMs === null && this.clock.monotonicMs() < deadlineMs)
      await sleep(FIRST_LOOK_CHECK_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.subscription?.close();
    await this.looking;
  }

  /** One look at a time; one that is asked for meanwhile follows, and the next after a pause. Never rejects. */
  private look(): Promise<void> {
    this.mustLookAgain = true;
    this.looking ??= this.lookWhileAsked().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private lookAgainAfter(pauseMs: number): void {
    clearTimeout(this.timer);
    if (this.isStopped) return;
    this.timer = setTimeout(() => void this.look(), pauseMs);
    this.timer.unref();
  }

  private async lookWhileAsked(): Promise<void> {
    let hasSucceeded = true;
    while (this.mustLookAgain && !this.isStopped) {
      this.mustLookAgain = false;
      try {
        await Promise.all(SESSION_SHARDS.map((shard) => this.readShard(shard)));
        this.lookedAtMs = this.clock.monotonicMs();
        hasSucceeded = true;
      } catch (error) {
        hasSucceeded = false;
        this.logger.debug({ reason: String(error) }, 'ended sessions could not be read');
      }
      this.ended.forgetBefore(this.clock.nowMs() - this.toldMs);
    }
    this.lookAgainAfter(hasSucceeded ? this.pollMs : Math.min(RETRY_PAUSE_MS, this.pollMs));
  }

  private async readShard(shard: string): Promise<void> {
    const key = redisKeys.sessionEnds(shard);
    let fromMs = Math.max(0, (this.cursors.get(shard) ?? 0) - OVERLAP_MS);
    for (;;) {
      const entries = (await this.redis
        .client('sessions')
        .zrange(key, fromMs, '+inf', 'BYSCORE', 'LIMIT', 0, CHUNK, 'WITHSCORES')) as unknown[];
      const found = pairsOf(entries);
      for (const [what, endedAtMs] of found) {
        if (this.learn(what, endedAtMs)) this.metrics.revocationsLearned.poll.inc();
      }
      const lastMs = found.at(-1)?.[1];
      if (lastMs === undefined) return;
      this.cursors.set(shard, lastMs);
      if (found.length < CHUNK) return;
      fromMs = lastMs === fromMs ? lastMs + 1 : lastMs;
    }
  }

  /** True when it was news. */
  private learn(what: string, endedAtMs: number): boolean {
    const before = this.ended.version;
    const [kind, id = '', subject] = what.split(' ', 3);
    if (kind === 's') this.ended.endSession(id, endedAtMs);
    else if (kind === 'u' && subject !== undefined) this.ended.endUser(subject, Number(id), endedAtMs);
    return this.ended.version !== before;
  }
}

/** RESP2 answers with a flat list, RESP3 with pairs. */
function pairsOf(entries: readonly unknown[]): [what: string, endedAtMs: number][] {
  const flat = entries.flat();
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), Number(flat[2 * i + 1])]);
}
