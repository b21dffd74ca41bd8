/** What several policies count together. */
export interface PolicyLog {
  /** As of a policy. */
  readonly name: string;
  /** The longest window among them, milliseconds. */
  readonly windowMs: number;
}

/**
 * What one policy allows a subject: at most `limit` points in any stretch of `windowMs`.
 *
 * Up to 128 points the count is exact to the millisecond. Above, hits share cells of a 64th of the window
 * and count for the window or up to a cell longer: never too many pass, at worst a little too few.
 */
export interface RateLimitPolicy {
  /** Closed set: it is a metric label and stands in the fields of the answer. Lower case, `a-z 0-9 -`. */
  readonly name: string;
  /** Points, 1 to 2^32 - 1. */
  readonly limit: number;
  /** Milliseconds, 1 to 2^32 - 1 (49 days). */
  readonly windowMs: number;
  /** Milliseconds for which a denial shuts the subject out, counted from the first denial; 0: none. */
  readonly blockMs?: number;
  /** True: counted and measured like the others, but nobody is refused. */
  readonly isShadow?: boolean;
  /** What happens while Redis is away: this process's share of the limit from memory, or nobody passes. */
  readonly withoutRedis?: 'memory' | 'deny';
  /**
   * Policies that are always asked together, such as `short`, `medium` and `long`, may count in one log, which
   * makes three of them about as cheap as one. They stand behind each other in a call, with the same subject
   * and cost; up to 128 points each, over windows of different lengths. A penalty, a refund or a block is
   * meant for each of them, as if they had a log each; the one with the longest window tells it the log.
   */
  readonly log?: PolicyLog;
}

/** One subject asks for points of one policy. */
export interface Charge {
  readonly policy: RateLimitPolicy;
  /**
   * Who is counted. What stands before the first `|` decides the cluster slot: charges of one call that
   * share it are decided in one round trip, all or nothing.
   */
  readonly subject: string;
  /** Points, at least 1: the weight of what is asked for. More than the limit never passes. */
  readonly cost: number;
}

/** How a policy stands for the subject after the decision. */
export interface ChargeState {
  readonly policy: RateLimitPolicy;
  /** The points could be had. A shadow policy that says false has refused nobody. */
  readonly isWithin: boolean;
  /** Points that are left, never negative. */
  readonly remaining: number;
  /** Milliseconds until every point is back if nobody takes more. */
  readonly resetMs: number;
  /** Milliseconds until a retry succeeds if nobody takes more; 0 at once, `Infinity` never. */
  readonly retryMs: number;
}

/** A denial is a value. `unavailable`: Redis is away and a policy says that nobody passes then. */
export interface Decision {
  readonly outcome: 'admitted' | 'denied' | 'unavailable';
  /** In the order of the charges. */
  readonly states: readonly ChargeState[];
  /** Milliseconds until a retry can succeed; 0 when admitted. */
  readonly retryAfterMs: number;
}

/**
 * Limits what subjects do, over all processes.
 *
 * A denied call takes nothing and extends no punishment. The charges of one call are taken all or none (see
 * {@link Charge.subject}). Nothing here throws because Redis is away or hangs: decisions then come from the
 * memory of the process, whose share is the limit divided by the number of live processes (see
 * docs/adr/0011-rate-limits.md for the bound), and the operations on one subject do what they can.
 *
 * The window is a log of timestamps merged into cells, with running sums (after the sliding window log;
 * Cloudflare's two counters and plain buckets with interpolation admit twice the limit to whoever bursts at
 * the end of a cell, this admits the limit).
 */
export abstract class RateLimiter {
  /** Takes the points of all charges or of none; at once where no store has to be asked. */
  abstract take(charges: readonly Charge[]): Decision | Promise<Decision>;

  /** What {@link take} would answer now, without taking anything. */
  abstract peek(charges: readonly Charge[]): Promise<Decision>;

  /** Takes the points whether there is room or not: a penalty, or a cost known only afterwards. */
  abstract penalize(charge: Charge): Promise<void>;

  /** Gives points back, the newest first, never more than were taken. */
  abstract refund(charge: Charge): Promise<void>;

  /** Refuses the subject for so long, whatever room there is. 0 lifts nothing: see {@link reset}. */
  abstract block(subject: Pick<Charge, 'policy' | 'subject'>, durationMs: number): Promise<void>;

  /** Forgets everything about the subject under the policy. */
  abstract reset(subject: Pick<Charge, 'policy' | 'subject'>): Promise<void>;
}
