/** As Netflix' Gradient2Limit has them, except where a comment says otherwise. */
const TOLERANCE = 1.5;
const GRADIENT_MIN = 0.5;
/** Share of the way down that one interval takes: a single long latency is not yet another load. */
const DESCENT = 0.5;
/** What an interval adds while the limit is used and nothing waits: a limit of 100 is one of 1,000 two seconds later. */
const ASCENT = 1.1;
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
 * latency, and the slowest counts, so that many answers from memory do not hide what waits for a database.
 * Where latencies are long the way down begins at what is open: a limit far above it holds nothing back.
 * Both ways are faster than in Gradient2, which takes seconds to halve a limit and minutes to double it.
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
    const gradients = windows.flatMap(({ count, sumMs }, kind) =>
      count < SAMPLES_MIN ? [] : [this.gradientOf(kind, sumMs / count)],
    );
    if (gradients.length === 0) return;
    const gradient = Math.min(...gradients);
    if (gradient < 1) {
      const wanted = Math.min(this.current, peakOpen) * gradient;
      this.set(this.current + (wanted - this.current) * DESCENT);
    } else if (peakOpen >= this.current / 2) {
      // What does not use the limit does not show that more would be well.
      this.set(this.current * ASCENT);
    }
  }

  private set(limit: number): void {
    this.current = clamp(limit, this.bounds.min, this.bounds.max);
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
