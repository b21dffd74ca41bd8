/** The constants of Netflix' Gradient2Limit, except where a comment says otherwise. */
const TOLERANCE = 1.5;
const SMOOTHING = 0.2;
const GRADIENT_MIN = 0.5;
const LONG_WINDOW = 600;
/** Fewer answers say nothing about a latency. */
const SAMPLES_MIN = 10;

/** Answers of one kind during one interval. */
export interface LatencyWindow {
  readonly count: number;
  readonly sumMs: number;
}

export interface GradientBounds {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
}

/**
 * How many requests may be open at once: fewer while latencies are above what they usually are, more while
 * they are not (Gradient2 of Netflix' concurrency-limits, github.com/Netflix/concurrency-limits).
 *
 * Each kind of requests is compared with its own past, so that another mix of kinds is not taken for another
 * latency. The room for growth is the square root of the limit, as in the first Gradient: a constant of 4
 * would take minutes to double a limit of hundreds.
 */
export class GradientLimit {
  private current: number;
  private readonly usualMs: (number | null)[] = [];

  constructor(private readonly bounds: GradientBounds) {
    this.current = clamp(bounds.initial, bounds.min, bounds.max);
  }

  get limit(): number {
    return Math.floor(this.current);
  }

  /** @param peakOpen most requests that were open at once during the interval */
  update(windows: readonly LatencyWindow[], peakOpen: number): void {
    let answers = 0;
    let gradients = 0;
    for (const [kind, { count, sumMs }] of windows.entries()) {
      if (count < SAMPLES_MIN) continue;
      answers += count;
      gradients += count * this.gradientOf(kind, sumMs / count);
    }
    // What does not use the limit says nothing about it.
    if (answers === 0 || peakOpen < this.current / 2) return;
    const wanted = (this.current * gradients) / answers + Math.sqrt(this.current);
    const next = this.current * (1 - SMOOTHING) + wanted * SMOOTHING;
    this.current = clamp(next, this.bounds.min, this.bounds.max);
  }

  private gradientOf(kind: number, presentMs: number): number {
    const usualMs = this.usualMs[kind] ?? presentMs;
    const next = usualMs + ((presentMs - usualMs) * 2) / (LONG_WINDOW + 1);
    // After a long overload the usual latency is too long: forget it faster than it was learnt.
    this.usualMs[kind] = next > 2 * presentMs ? next * 0.95 : next;
    return clamp((TOLERANCE * next) / presentMs, GRADIENT_MIN, 1);
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(max, value));
}
