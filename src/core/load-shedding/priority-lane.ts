import type { LatencyWindow } from './gradient-limit.js';
import type { Lane, Priority, ShedReason } from './load-shedding.js';

/** So that the clock is not read at every request. */
const LOOK_EVERY = 16;

/** What all lanes share: plain numbers, because every request reads them. */
export class OpenRequests {
  count = 0;
  limit = Infinity;
  /** Most that were open at once since {@link takePeak}. */
  peak = 0;
  private untilLook = LOOK_EVERY;

  /** @param look called at every few requests */
  constructor(private readonly look: () => void) {}

  entering(): void {
    this.untilLook -= 1;
    if (this.untilLook > 0) return;
    this.untilLook = LOOK_EVERY;
    this.look();
  }

  takePeak(): number {
    const { peak } = this;
    this.peak = this.count;
    return peak;
  }
}

/** The counts and the present rules of one priority. */
export class PriorityLane implements Lane {
  open = 0;
  private answers = 0;
  private answersMs = 0;
  /** Requests that may be open although the limit is reached. */
  guaranteed = Infinity;
  /** Share of the requests that is turned away because of the delay, 0 to 1. */
  private shedShare = 0;
  private shedDue = 0;
  readonly shed: Record<ShedReason, number> = { delay: 0, concurrency: 0 };

  constructor(
    readonly priority: Priority,
    private readonly all: OpenRequests,
  ) {}

  enter(): ShedReason | null {
    this.all.entering();
    if (this.shedShare > 0) {
      // Every n-th request, not a random one: the share is kept exactly, without a number per request.
      this.shedDue += this.shedShare;
      if (this.shedDue >= 1) {
        this.shedDue -= 1;
        this.shed.delay += 1;
        return 'delay';
      }
    }
    if (this.all.count >= this.all.limit && this.open >= this.guaranteed) {
      this.shed.concurrency += 1;
      return 'concurrency';
    }
    this.all.count += 1;
    this.open += 1;
    if (this.all.count > this.all.peak) this.all.peak = this.all.count;
    return null;
  }

  leave(elapsedMs: number): void {
    this.all.count -= 1;
    this.open -= 1;
    this.answers += 1;
    this.answersMs += elapsedMs;
  }

  shedFrom(share: number): void {
    this.shedShare = share;
    if (share === 0) this.shedDue = 0;
  }

  /** What was measured since the last call. */
  takeWindow(): LatencyWindow {
    const window = { count: this.answers, sumMs: this.answersMs };
    this.answers = 0;
    this.answersMs = 0;
    return window;
  }
}
