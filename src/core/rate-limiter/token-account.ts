import { redisKeys } from '../../infrastructure/redis/index.js';
import { createHash } from 'node:crypto';
import type { PolicyTerms } from './policy-terms.js';
import type { ChargeState } from './rate-limiter.js';
import { SlidingWindow } from './sliding-window.js';
import type { WindowOrder, WindowReply } from './window-script.js';

/** Hash tags of the windows: so many slots of a cluster. */
export const BUCKETS = 64;
/** A subject is a text that somebody sent: a long one is named by its hash. */
const SUBJECT_LENGTH_MAX = 100;
/** Points spent between two settlements from which on a lease is worth its round trip. */
const HOT_POINTS = 8;

export type Standing = 'spendable' | 'denied' | 'unknown';

/**
 * What this process knows of one subject under one policy, and what it may spend without asking Redis.
 *
 * A large limit is spent from a lease (points that Redis has counted already, postdated to the lease's end)
 * or on credit (a share of the limit's tolerance, reported within a settlement). Both are bounded; see
 * docs/adr/0011-rate-limits.md. Everything that was admitted here is in `window`, from which this process
 * decides alone while Redis is away.
 */
export class TokenAccount {
  readonly window = new SlidingWindow();
  readonly bucket: number;
  readonly redisKey: string;
  /** Resolves when the present question to Redis that brings points has been answered. */
  refill: Promise<unknown> | null = null;
  /** The settlement will report what is owed when the bucket has its turn. */
  isNoted = false;
  /** The settlement will report it as soon as it can. */
  isHurried = false;

  private leased = 0;
  private leasedUntilMs = 0;
  /** Leased points that nobody spent in time. */
  private unspent = 0;
  /** Spent on credit and not reported; in a report that is under way; spent while Redis was away. */
  private debt = 0;
  private reporting = 0;
  private spentWithoutRedis = 0;
  private spentSinceSettlement = 0;
  private deniedUntilMs = 0;
  private deniedCost = 0;
  /** What Redis said last, good until every point is back. */
  private knownRemaining = 0;
  private knownUntilMs = 0;

  constructor(
    readonly terms: PolicyTerms,
    subject: string,
  ) {
    const end = subject.indexOf('|');
    this.bucket = bucketOf(end === -1 ? subject : subject.slice(0, end));
    const name =
      subject.length > SUBJECT_LENGTH_MAX
        ? createHash('sha256').update(subject).digest('base64url')
        : subject;
    this.redisKey = redisKeys.limitWindow(String(this.bucket), `${terms.log}:${name}`);
  }

  standing(cost: number, nowMs: number): Standing {
    const { terms } = this;
    if (this.leased >= cost && nowMs < this.leasedUntilMs) return 'spendable';
    if (nowMs < this.deniedUntilMs && cost >= this.deniedCost) return 'denied';
    if (!terms.isLocal || cost > this.remaining(nowMs)) return 'unknown';
    return this.debt + this.reporting + cost <= terms.credit ? 'spendable' : 'unknown';
  }

  /** Only what {@link standing} calls spendable. */
  spend(cost: number, nowMs: number): void {
    if (this.leased >= cost && nowMs < this.leasedUntilMs) this.leased -= cost;
    else this.debt += cost;
    this.spentSinceSettlement += cost;
    this.window.add(cost, nowMs, this.terms.policy);
  }

  /** Counts what was decided from memory, for the time when Redis is back. */
  spendWithoutRedis(cost: number): void {
    this.spentWithoutRedis += cost;
  }

  get isUnsettled(): boolean {
    return this.debt + this.unspent + this.leased + this.spentWithoutRedis > 0;
  }

  /** So much is spent on credit that the next request might have to wait, and no report is under way. */
  get isPressed(): boolean {
    return this.reporting === 0 && 2 * this.debt > this.terms.credit;
  }

  /** What to ask Redis for when the caller needs so many points now; 0: only settle. */
  order(needed: number, nowMs: number): WindowOrder {
    const { terms } = this;
    const { policy } = terms;
    const withoutRedis = Math.min(this.spentWithoutRedis, this.window.used(nowMs, policy));
    this.spentWithoutRedis = 0;
    const forced = this.debt + withoutRedis;
    this.debt = 0;
    this.reporting += forced;
    if (nowMs >= this.leasedUntilMs) this.releaseLease();
    const back = this.unspent;
    this.unspent = 0;
    const lease = this.leased > terms.lease / 4 ? 0 : this.leaseWanted();
    this.spentSinceSettlement = 0;
    return {
      forced,
      wanted: needed + lease,
      needed,
      back,
      leadMs: lease > 0 ? terms.leadMs : 0,
      blockMs: policy.blockMs ?? 0,
      isShadow: policy.isShadow ?? false,
    };
  }

  /** `askedMs` is when the question left: a lease ends by the clock of whoever holds it. */
  settle(order: WindowOrder, reply: WindowReply, askedMs: number, nowMs: number): void {
    const { policy } = this.terms;
    const needed = order.needed ?? 0;
    this.reporting = Math.max(0, this.reporting - (order.forced ?? 0));
    const leased = reply.granted - needed;
    if (reply.granted >= needed && leased > 0) {
      this.releaseLease();
      this.leased = leased;
      this.leasedUntilMs = Math.floor(askedMs) + this.terms.leadMs;
    }
    this.knownRemaining = reply.remaining;
    // Never later than the reply said: what is told of it is at most the window.
    this.knownUntilMs = Math.floor(nowMs) + reply.resetMs;
    // Where a denial begins a block, the first one has to be told to Redis.
    const isKnownDenied = reply.retryMs > 0 && !((policy.blockMs ?? 0) > 0 && reply.granted >= needed);
    if (isKnownDenied) {
      this.deniedUntilMs = Math.floor(nowMs) + reply.retryMs;
      this.deniedCost = Math.max(1, needed);
    } else {
      this.deniedUntilMs = 0;
    }
  }

  /** Nobody knows whether it was heard: what was spent is reported again, what is left is not given back. */
  settleFailed(order: WindowOrder): void {
    const forced = order.forced ?? 0;
    this.reporting = Math.max(0, this.reporting - forced);
    this.debt += forced;
  }

  remaining(nowMs: number): number {
    return nowMs < this.knownUntilMs
      ? Math.max(0, this.knownRemaining + this.leased - this.debt)
      : this.terms.policy.limit - this.debt - this.reporting;
  }

  state(isWithin: boolean, nowMs: number): ChargeState {
    const { policy } = this.terms;
    return {
      policy,
      isWithin,
      remaining: this.remaining(nowMs),
      resetMs: nowMs < this.knownUntilMs ? this.knownUntilMs - nowMs : policy.windowMs,
      retryMs: isWithin ? 0 : Math.max(0, this.deniedUntilMs - nowMs),
    };
  }

  /** What others did to the subject makes what was known of it worthless. */
  forgetDenial(): void {
    this.deniedUntilMs = 0;
    this.knownUntilMs = 0;
  }

  private leaseWanted(): number {
    const { isLocal, lease } = this.terms;
    return isLocal && this.spentSinceSettlement >= HOT_POINTS
      ? Math.min(lease, 4 * this.spentSinceSettlement)
      : 0;
  }

  private releaseLease(): void {
    this.unspent += this.leased;
    this.leased = 0;
  }
}

/** FNV-1a over the text, which spreads subjects over the slots of a cluster. */
function bucketOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return ((hash ^ (hash >>> 16)) >>> 0) % BUCKETS;
}
