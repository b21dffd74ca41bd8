import { randomUUID } from 'node:crypto';
import {
  isRedisUnavailable,
  redisKeys,
  RedisScript,
  type RedisService,
} from '../../infrastructure/redis/index.js';
import type { Logger } from '../../infrastructure/logging/index.js';

const BEAT_MS = 2000;
/** While Redis is away nobody else asks it, so this is how soon it is found again. */
const PROBE_MS = 250;
/** A process that missed so many beats has ended, or cannot take requests either. */
const BEATS_MISSED_MAX = 3;

const podBeat = new RedisScript(new URL('./scripts/pod-beat.lua', import.meta.url), Number);

/**
 * The live processes and whether their Redis can be used: a breaker that one failed command opens for
 * everybody in this process, and only a successful beat closes again. So a hung Redis costs one deadline
 * to those who wait at that moment, and nothing to the next ones.
 */
export class Fleet {
  private readonly id = randomUUID();
  /** Of the last beats: a process that is missed by one beat counts until it is missed by all of them. */
  private readonly counts: number[] = [];
  private isTripped = false;
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;

  constructor(
    private readonly redis: RedisService,
    private readonly logger: Logger,
    private readonly podsExpected: number,
    private readonly events: {
      /** The number of processes that share the limits may be another one now. */
      readonly onCount: (podCount: number) => void;
      /** Redis is back: what was decided without it can be reported. */
      readonly onReturn: () => void;
    },
  ) {}

  /** Processes that share the limits, this one included; what is configured until Redis has told. */
  get podCount(): number {
    return this.counts.length === 0 ? this.podsExpected : Math.max(1, ...this.counts);
  }

  get isRedisUsable(): boolean {
    return !this.isTripped && this.redis.isReady('rateLimit');
  }

  /** A command has failed: nobody asks until a beat has succeeded. */
  trip(error: unknown): void {
    if (this.isTripped) return;
    this.isTripped = true;
    const reason = error instanceof Error ? error.message : String(error);
    // A refusal by a server that answers is a defect of ours, or of its settings.
    if (isRedisUnavailable(error)) this.logger.warn({ reason }, 'rate limits are decided from memory');
    else this.logger.error({ reason }, 'rate limits are decided from memory: Redis refused a command');
    this.schedule(PROBE_MS);
  }

  start(): void {
    // The connection may still be on its way, which is nothing to warn of.
    if (this.redis.isReady('rateLimit')) void this.beat();
    else this.schedule(PROBE_MS);
  }

  /** Tells Redis that this process lives, and learns how many others do. Never rejects. */
  async beat(): Promise<void> {
    try {
      const count = await this.send(BEAT_MS * BEATS_MISSED_MAX);
      this.counts.push(count);
      if (this.counts.length > BEATS_MISSED_MAX) this.counts.shift();
      this.events.onCount(this.podCount);
      const hasReturned = this.isTripped;
      this.isTripped = false;
      if (hasReturned) {
        this.logger.info({}, 'rate limits are shared by Redis again');
        this.events.onReturn();
      }
    } catch (error) {
      this.trip(error);
    }
    this.schedule(this.isTripped ? PROBE_MS : BEAT_MS);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.isRedisUsable) await this.send(0).catch(() => undefined);
  }

  private send(lifeMs: number): Promise<number> {
    return podBeat.run(this.redis.client('rateLimit'), [redisKeys.limitPods()], [this.id, lifeMs]);
  }

  private schedule(delayMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    if (!this.isStopped) this.timer = setTimeout(() => void this.beat(), delayMs).unref();
  }
}
