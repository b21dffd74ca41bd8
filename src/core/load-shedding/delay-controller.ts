import type { Clock } from '../../common/clock.js';

/** CoDel's interval: what has not gone away after so long is a standing queue. */
const INTERVAL_MS = 100;
/** One measurement says nothing of what stands: a process that was stopped has one, and a large one. */
const SAMPLES_MIN = 2;

/** As DAGOR, which gives up 5 % at an overload and takes back 1 % at a time. */
const RISE = 0.05;
const RISE_MAX = 0.25;
const FALL = 0.02;
/** Whoever pays is taken back first, and sooner: nothing of that level is worth probing slowly for. */
const FALL_ABOVE = [
  { level: 2, fall: 0.1 },
  { level: 1, fall: 0.05 },
];

/** One for each priority; what is beyond the last would change nothing. */
const LEVEL_MAX = 3;

/**
 * The overload level from measurements of the loop's delay: 0 is calm, 1 sheds all of the lowest priority,
 * 3 all of the highest.
 */
export class DelayController {
  private current = 0;
  private standingMs = 0;
  private intervalStartMs: number;
  private samples = 0;
  private leastMs = Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly targetMs: number,
  ) {
    this.intervalStartMs = clock.monotonicMs();
  }

  get level(): number {
    return this.current;
  }

  /** The least delay of the last interval. */
  get standingDelayMs(): number {
    return this.standingMs;
  }

  /** True when this measurement ended an interval, after which the level may be another. */
  observe(delayMs: number): boolean {
    this.samples += 1;
    this.leastMs = Math.min(this.leastMs, delayMs);
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.intervalStartMs < INTERVAL_MS || this.samples < SAMPLES_MIN) return false;
    this.standingMs = this.leastMs;
    this.intervalStartMs = nowMs;
    this.samples = 0;
    this.leastMs = Infinity;
    this.adjust();
    return true;
  }

  private adjust(): void {
    if (this.standingMs > this.targetMs) {
      const rise = Math.min(RISE_MAX, (RISE * this.standingMs) / this.targetMs);
      this.current = Math.min(LEVEL_MAX, this.current + rise);
    } else if (this.standingMs < this.targetMs / 2) {
      const fall = FALL_ABOVE.find(({ level }) => this.current > level)?.fall ?? FALL;
      this.current = Math.max(0, this.current - fall);
    }
  }
}
