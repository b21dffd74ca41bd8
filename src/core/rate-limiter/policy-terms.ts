import type { RateLimitPolicy } from './rate-limiter.js';
import { EXACT_LIMIT_MAX } from './sliding-window.js';
import { encodeTerms } from './window-script.js';

/** The share of a limit that all processes together may have spent without Redis knowing it yet. */
const CREDIT_SHARE = 0.05;
/** The share of a limit that one lease may hold, divided by the number of processes. */
const LEASE_SHARE = 0.125;
/** A leased point counts for the window and the lease: a 32nd more at most, and two seconds. */
const LEAD_SHARE = 1 / 32;
const LEAD_MS_MAX = 2000;
/** A lease or a report of a shorter window would be out of date before it is used. */
const LOCAL_WINDOW_MS_MIN = 10_000;

/** What a policy means for one process among so many. */
export class PolicyTerms {
  /** As window-take.lua reads it. */
  readonly encoded: string;
  /** Under which name its points are counted. */
  readonly log: string;
  /** Tells the log what did not happen by a decision of its own: it is the only one there, or looks back furthest. */
  readonly keepsLog: boolean;
  /** Decisions may be taken in this process and reported; otherwise each one asks Redis. */
  readonly isLocal: boolean;
  /** Points of one subject that may be spent before they are reported. */
  credit = 0;
  /** Points of one subject that a lease may hold. */
  lease = 0;
  /** Milliseconds that a lease lasts. */
  readonly leadMs: number;
  /** The limit of this process alone while Redis is away; at least 1, or nobody would ever pass. */
  share = 0;

  /** @throws RangeError when the policy cannot count in the log that it names. */
  constructor(
    readonly policy: RateLimitPolicy,
    podCount: number,
  ) {
    const { limit, windowMs, blockMs = 0, log } = policy;
    if (log !== undefined && (limit > EXACT_LIMIT_MAX || windowMs > log.windowMs))
      throw new RangeError(
        `the policy ${policy.name} of the log ${log.name} has more than ${String(EXACT_LIMIT_MAX)} points, or a longer window`,
      );
    this.encoded = encodeTerms([policy]);
    this.log = log?.name ?? policy.name;
    this.keepsLog = log === undefined || log.windowMs === windowMs;
    this.isLocal = limit > EXACT_LIMIT_MAX && windowMs >= LOCAL_WINDOW_MS_MIN && blockMs === 0;
    this.leadMs = Math.min(LEAD_MS_MAX, Math.floor(windowMs * LEAD_SHARE));
    this.shareAmong(podCount);
  }

  shareAmong(podCount: number): void {
    const { limit } = this.policy;
    this.credit = this.isLocal ? Math.floor((limit * CREDIT_SHARE) / podCount) : 0;
    this.lease = this.isLocal ? Math.floor((limit * LEASE_SHARE) / podCount) : 0;
    this.share = Math.max(1, Math.floor(limit / podCount));
  }
}
