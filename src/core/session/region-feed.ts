import type { Clock } from '../../common/clock.js';
import { SingleFlight } from '../../common/single-flight.js';
import type { Logger } from '../../infrastructure/logging/index.js';
import { redisKeys, type Subscription } from '../../infrastructure/redis/index.js';
import type { EndedSessions } from './ended-sessions.js';
import type { SessionRegion } from './session-regions.js';
import { SESSION_SHARDS } from './session-shards.js';
import type { SessionMetrics } from './session.metrics.js';

/** Read again at each look: a server that takes over may be behind by its clock. */
const OVERLAP_MS = 2000;
/** A server answers this many in a few milliseconds; more of one millisecond do not occur. */
const CHUNK = 1000;
/** After a look that failed: the subscription may stand again before the connection for commands does. */
const RETRY_PAUSE_MS = 100;

export interface FeedTerms {
  /** Pause between two looks. */
  readonly pollMs: number;
  /** How long an early end is told. */
  readonly toldMs: number;
}

/** Tells {@link EndedSessions} what ends early in one region, by listening and by looking. */
export class RegionFeed {
  /** The latest end that a look has found in each shard. */
  private readonly cursors = new Map<string, number>();
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly looking = new SingleFlight(
    () => this.lookOnce(),
    () => this.mustLookAgain && !this.isStopped,
  );
  private mustLookAgain = false;
  private isStopped = false;
  /** Of the last look with success; null before the first. */
  lookedAtMs: number | null = null;

  constructor(
    readonly region: SessionRegion,
    private readonly terms: FeedTerms,
    private readonly ended: EndedSessions,
    private readonly metrics: SessionMetrics,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.subscription = this.region.subscribe(redisKeys.sessionEndsChannel(), {
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
    void this.look();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.subscription?.close();
    await this.looking.pending;
  }

  /** One look at a time; one that is asked for meanwhile follows, and the next after a pause. Never rejects. */
  private look(): Promise<void> {
    this.mustLookAgain = true;
    return this.looking.join();
  }

  private lookAgainAfter(pauseMs: number): void {
    clearTimeout(this.timer);
    if (this.isStopped) return;
    this.timer = setTimeout(() => void this.look(), pauseMs);
    this.timer.unref();
  }

  private async lookOnce(): Promise<void> {
    if (this.isStopped) return;
    const { pollMs, toldMs } = this.terms;
    let pauseMs = pollMs;
    this.mustLookAgain = false;
    try {
      await Promise.all(SESSION_SHARDS.map((shard) => this.readShard(shard)));
      this.lookedAtMs = this.clock.monotonicMs();
    } catch (error) {
      pauseMs = Math.min(RETRY_PAUSE_MS, pollMs);
      this.logger.debug(
        { region: this.region.name, reason: String(error) },
        'ended sessions could not be read',
      );
    }
    this.ended.forgetBefore(this.clock.nowMs() - toldMs);
    this.lookAgainAfter(pauseMs);
  }

  private async readShard(shard: string): Promise<void> {
    const key = redisKeys.sessionEnds(shard);
    let fromMs = Math.max(0, (this.cursors.get(shard) ?? 0) - OVERLAP_MS);
    for (;;) {
      const entries = (await this.region.client.zrange(
        key,
        fromMs,
        '+inf',
        'BYSCORE',
        'LIMIT',
        0,
        CHUNK,
        'WITHSCORES',
      )) as unknown[];
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
    else if (kind === 'u' && subject !== undefined)
      this.ended.endUser(subject, Number(id), endedAtMs, this.region.name);
    return this.ended.version !== before;
  }
}

/** RESP2 answers with a flat list, RESP3 with pairs. */
function pairsOf(entries: readonly unknown[]): [what: string, endedAtMs: number][] {
  const flat = entries.flat();
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), Number(flat[2 * i + 1])]);
}
