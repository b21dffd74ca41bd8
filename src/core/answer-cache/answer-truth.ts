import type { Clock } from '../../common/clock.js';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';
import { InvalidationLog } from './invalidation-log.js';

/** How the cache learns that it can trust the events; {@link EventStream} is one. */
export interface EventSource {
  readonly isCurrent: boolean;
  /** How often the source has been interrupted; after each, events may have been missed. */
  readonly interruptions: number;
}

export interface AnswerTruthOptions {
  readonly clock: Clock;
  readonly events: EventSource;
  /** A position behind which nothing lies that was committed before the call. */
  readonly currentPosition: () => Promise<WalPosition>;
}

/** What decides about the truth of an answer, and what was found out about it last. */
export interface DatedAnswer {
  readonly tags: readonly string[];
  readonly position: WalPosition;
  readonly filledAtMs: number;
  /** Epoch of the log at which it was last compared with it. */
  checkedEpoch: number;
}

/** Without events an answer counts as true for this long; with STALE_SERVE_MS it lives a second at most. */
export const UNTRACKED_FRESH_MS = 600;
const TAGS_MAX = 100_000;
const TRACKING_RETRY_MS = 1000;

/**
 * Knows since which position which tags are different, and whether it would know.
 *
 * Without current events nobody invalidates. After an interruption of the events, and at the start,
 * everything that was read before the present position is distrusted once.
 */
export class AnswerTruth {
  private readonly log = new InvalidationLog(TAGS_MAX);
  private trackedInterruptions = -1;
  private asked = { interruptions: -1, atMs: -Infinity };

  constructor(private readonly options: AnswerTruthOptions) {}

  /** What depends on one of the tags and was read before the position is not true any more. */
  invalidate(tags: readonly string[], position: WalPosition): void {
    // One further than the event: a read on the writer can report the very position at which a commit is
    // durable and not yet visible. The relay's own writes move the log past it at once.
    for (const tag of tags) this.log.record(tag, position + 1n);
  }

  /** The position as of which an answer with these tags must have been read. */
  floorOf(tags: readonly string[]): WalPosition {
    return this.log.floorOf(tags);
  }

  /** Nothing is known that makes the answer false, and we would know. */
  isTrue(answer: DatedAnswer, nowMs: number): boolean {
    if (!this.isTracking(nowMs)) return nowMs - answer.filledAtMs < UNTRACKED_FRESH_MS;
    return !this.isInvalidated(answer);
  }

  isInvalidated(answer: DatedAnswer): boolean {
    const { epoch } = this.log;
    if (answer.checkedEpoch === epoch) return false;
    if (this.log.floorOf(answer.tags) > answer.position) return true;
    answer.checkedEpoch = epoch;
    return false;
  }

  /** True while every change since the baseline is known or will be told. */
  isTracking(nowMs: number): boolean {
    const { events } = this.options;
    if (!events.isCurrent) return false;
    if (this.trackedInterruptions === events.interruptions) return true;
    const { interruptions } = events;
    if (this.asked.interruptions !== interruptions || nowMs - this.asked.atMs >= TRACKING_RETRY_MS) {
      this.asked = { interruptions, atMs: nowMs };
      void this.startTracking(interruptions);
    }
    return false;
  }

  /** What was read before now may have changed unheard: from now on everything is heard. */
  private async startTracking(interruptions: number): Promise<void> {
    try {
      this.log.raiseBaseline(await this.options.currentPosition());
      this.trackedInterruptions = interruptions;
    } catch {
      // Without the writer the position is not known; entries stay short-lived until it is.
    }
  }
}
