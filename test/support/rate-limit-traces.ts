import fc from 'fast-check';

/** One call at a time of the trace. */
export interface TraceCall {
  readonly atMs: number;
  readonly cost: number;
}

/** Points that were admitted, and when. */
export interface Admission {
  readonly atMs: number;
  readonly points: number;
}

/** Decides by adding up every admission of the last window: slow, and beyond doubt. */
export class BruteForceWindow {
  readonly admissions: Admission[] = [];

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
  ) {}

  used(atMs: number): number {
    return this.admissions
      .filter((admission) => atMs - admission.atMs < this.windowMs)
      .reduce((sum, { points }) => sum + points, 0);
  }

  take({ atMs, cost }: TraceCall): boolean {
    if (this.used(atMs) + cost > this.limit) return false;
    this.admissions.push({ atMs, points: cost });
    return true;
  }
}

/** The most that any stretch of a window admitted, as a multiple of the limit. */
export function worstShare(admissions: readonly Admission[], limit: number, windowMs: number): number {
  const sorted = [...admissions].sort((a, b) => a.atMs - b.atMs);
  let worst = 0;
  let sum = 0;
  let first = 0;
  for (const { atMs, points } of sorted) {
    sum += points;
    for (;;) {
      const oldest = sorted[first];
      if (oldest === undefined || atMs - oldest.atMs < windowMs) break;
      sum -= oldest.points;
      first += 1;
    }
    worst = Math.max(worst, sum);
  }
  return worst / limit;
}

/** Calls at random; gaps from nothing to more than a window, so that everything expires now and then. */
export function randomTraces(windowMs: number, callsMax: number): fc.Arbitrary<TraceCall[]> {
  const gap = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs / 50) }) },
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs * 1.2) }) },
  );
  return fc
    .array(fc.record({ gap, cost: fc.integer({ min: 1, max: 4 }) }), { minLength: 1, maxLength: callsMax })
    .map((steps) => atTimes(steps, windowMs));
}

/**
 * Bursts of the whole limit right before and right after the borders of windows and of their cells, where
 * counters per fixed window or per cell admit twice the limit.
 */
export function straddlingTraces(windowMs: number, limit: number): fc.Arbitrary<TraceCall[]> {
  const border = fc.record({
    cells: fc.integer({ min: 1, max: 140 }),
    offset: fc.constantFrom(-2, -1, 0, 1, 2),
    calls: fc.constantFrom(1, Math.ceil(limit / 4), limit),
  });
  return fc.array(border, { minLength: 1, maxLength: 8 }).map((borders) => {
    const cellMs = Math.max(1, Math.floor(windowMs / 64));
    let atMs = START_MS;
    const calls: TraceCall[] = [];
    for (const { cells, offset, calls: count } of borders) {
      atMs = Math.max(atMs, (Math.floor(atMs / cellMs) + cells) * cellMs + offset);
      for (let call = 0; call < count; call += 1) calls.push({ atMs, cost: 1 });
    }
    return calls;
  });
}

/** Far enough from zero for a window to lie before it, and at no border. */
const START_MS = 1_700_000_000_123;

function atTimes(steps: readonly { gap: number; cost: number }[], windowMs: number): TraceCall[] {
  let atMs = START_MS + windowMs;
  return steps.map(({ gap, cost }) => {
    atMs += gap;
    return { atMs, cost };
  });
}
