import type { Clock } from '../../common/clock.js';
import type { Subscription } from './redis-subscriber.js';
import type { RedisService } from './redis.service.js';

/** However much there is to tell, one ring of the fleet in so long is enough for who listens… */
const RING_PAUSE_MS = 2000;
/** …because it takes the queue for lively for longer than that after the last ring or find. */
const LIVELY_MS = 5000;

/**
 * Lets the reader of a queue poll slowly while nothing happens, and as often as ever from the first entry
 * on: who puts something in rings, over pub/sub of the main Redis, at most once in two seconds. A ring says
 * "look from now on" and nothing else, so it may come before the entry is visible, twice, or for nothing.
 *
 * A ring can be lost: the reader goes on looking at its slow pace, which is what it can promise. While it
 * could not hear a ring the queue counts as lively.
 */
export class Doorbell {
  private rungAtMs = -Infinity;
  private stirredAtMs: number;
  private subscription: Subscription | null = null;

  constructor(
    private readonly redis: RedisService,
    private readonly channel: string,
    private readonly clock: Clock,
  ) {
    this.stirredAtMs = clock.monotonicMs();
  }

  /** Something is about to be in the queue. Costs a comparison, and a command now and then. */
  ring(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.rungAtMs < RING_PAUSE_MS) return;
    this.rungAtMs = nowMs;
    this.redis
      .client('main')
      .publish(this.channel, '')
      .catch(() => {
        this.rungAtMs = -Infinity;
      });
  }

  /** Until `close`; once for all. `onRing` is called when a quiet queue becomes lively. */
  listen(onRing: () => void): void {
    if (this.subscription !== null) return;
    const hear = () => {
      const wasQuiet = this.isQuiet;
      this.stir();
      if (wasQuiet) onRing();
    };
    this.subscription = this.redis.subscribe('main', this.channel, {
      onMessage: () => {
        // Everybody who listens has heard it: another ring would tell them nothing.
        this.rungAtMs = this.clock.monotonicMs();
        hear();
      },
      onGap: hear,
    });
  }

  /** The queue was not empty. */
  stir(): void {
    this.stirredAtMs = this.clock.monotonicMs();
  }

  /** Nothing was found and nobody rang for a while, and a ring would be heard. */
  get isQuiet(): boolean {
    return this.subscription?.isLive === true && this.clock.monotonicMs() - this.stirredAtMs > LIVELY_MS;
  }

  close(): void {
    this.subscription?.close();
    this.subscription = null;
  }
}
