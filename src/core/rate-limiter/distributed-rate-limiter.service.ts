import { Injectable, type OnApplicationBootstrap, type BeforeApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { RedisService } from '../../infrastructure/redis/index.js';
import { Fleet } from './fleet.js';
import { takeFromWindows } from './in-memory-rate-limiter.js';
import { KeyedGenerations } from './keyed-generations.js';
import { PolicyTerms } from './policy-terms.js';
import { type PolicyCounts, RateLimiterMetrics } from './rate-limiter.metrics.js';
import {
  type Charge,
  type ChargeState,
  type Decision,
  type RateLimitPolicy,
  RateLimiter,
} from './rate-limiter.js';
import { Settlement } from './settlement.js';
import { type Standing, TokenAccount } from './token-account.js';
import { WindowCommands } from './window-commands.js';
import { encodeOrders, type WindowOrder, type WindowReply } from './window-script.js';

/** Policies are named in the code, so there are few; more are a defect, and not kept. */
const POLICIES_MAX = 1000;
/** Whoever has waited so often for the points of others asks for its own. */
const REFILL_ROUNDS_MAX = 4;
/** A decision that must not be taken from memory is possible again when Redis is, which is soon or late. */
const UNAVAILABLE_RETRY_MS = 1000;

interface PolicyBook {
  readonly terms: PolicyTerms;
  readonly accounts: KeyedGenerations<TokenAccount>;
  readonly counts: PolicyCounts;
}

/** A charge with what this process knows of its subject. */
interface OpenCharge extends Charge {
  readonly account: TokenAccount;
  readonly counts: PolicyCounts;
  standing: Standing;
}

/**
 * Limits over all processes through the Redis of the role `rateLimit`.
 *
 * Most decisions need no round trip: what is known to be denied is denied here, and large limits are spent
 * from leases and on credit (see TokenAccount). What needs one costs exactly one for all charges that share
 * a bucket. Redis being away shows in `rate_limiter_fallback_active`.
 */
@Injectable()
export class DistributedRateLimiter
  extends RateLimiter
  implements OnApplicationBootstrap, BeforeApplicationShutdown
{
  private readonly books = new Map<RateLimitPolicy, PolicyBook>();
  private readonly counts: RateLimiterMetrics;
  private readonly fleet: Fleet;
  private readonly commands: WindowCommands;
  private readonly settlement: Settlement;

  constructor(
    private readonly redis: RedisService,
    private readonly clock: Clock,
    config: AppConfig,
    logger: Logger,
    metrics: Metrics,
  ) {
    super();
    this.counts = new RateLimiterMetrics(metrics);
    this.commands = new WindowCommands(redis);
    this.fleet = new Fleet(redis, logger, config.env.RATE_LIMIT_EXPECTED_PODS, {
      onCount: (podCount) => {
        for (const { terms } of this.books.values()) terms.shareAmong(podCount);
      },
      onReturn: () => void this.settlement.settle(),
    });
    this.settlement = new Settlement(this.commands, this.fleet, clock);
    metrics.reading({
      name: 'rate_limiter_fallback_active',
      help: '1 while limits are decided from memory because Redis is away',
      read: () => (this.fleet.isRedisUsable ? 0 : 1),
    });
    metrics.reading({
      name: 'rate_limiter_live_pods',
      help: 'Processes that share the limits, as this one knows',
      read: () => this.fleet.podCount,
    });
    metrics.gauge({
      name: 'rate_limiter_accounts',
      help: 'Subjects that this process remembers, and those that have something to report',
      labelNames: ['kind'],
      collect: (gauge) => {
        let size = 0;
        for (const { accounts } of this.books.values()) size += accounts.size;
        gauge.set({ kind: 'remembered' }, size);
        gauge.set({ kind: 'unsettled' }, this.settlement.size);
      },
    });
  }

  onApplicationBootstrap(): void {
    this.fleet.start();
  }

  /** While the connection is still there. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.settlement.stop();
    await this.fleet.stop();
  }

  override take(charges: readonly Charge[]): Decision | Promise<Decision> {
    const open = this.open(charges);
    return this.takeLocally(open) ?? this.takeFromRedis(open);
  }

  override async peek(charges: readonly Charge[]): Promise<Decision> {
    const open = this.open(charges);
    if (this.fleet.isRedisUsable) {
      try {
        const replies = await this.run(open, 'peek', ({ cost, policy }) => ({
          needed: cost,
          isShadow: policy.isShadow ?? false,
        }));
        return this.toDecision(open, replies, (reply) => reply.retryMs === 0);
      } catch (error) {
        this.fleet.trip(error);
      }
    }
    return takeFromWindows(this.withShares(open), this.clock.monotonicMs(), true);
  }

  override async penalize(charge: Charge): Promise<void> {
    await this.adjust(charge, { forced: charge.cost }, (account, nowMs) => {
      account.window.add(charge.cost, nowMs, charge.policy);
    });
  }

  override async refund(charge: Charge): Promise<void> {
    await this.adjust(charge, { back: charge.cost }, (account) => {
      account.window.remove(charge.cost);
    });
  }

  override async block(subject: Pick<Charge, 'policy' | 'subject'>, durationMs: number): Promise<void> {
    const order = { blockMs: durationMs, blocksAtOnce: true };
    await this.adjust({ ...subject, cost: 0 }, order, (account, nowMs) => {
      account.window.block(durationMs, nowMs);
    });
  }

  override async reset({ policy, subject }: Pick<Charge, 'policy' | 'subject'>): Promise<void> {
    const { accounts } = this.bookOf(policy);
    const { redisKey, terms } = accounts.get(subject);
    accounts.delete(subject);
    if (!this.fleet.isRedisUsable || !terms.keepsLog) return;
    await this.redis
      .client('rateLimit')
      .unlink(redisKey)
      .catch((error: unknown) => {
        this.fleet.trip(error);
      });
  }

  /** Reports what is owed, and learns how many processes there are: what otherwise happens by and by. */
  async synchronize(): Promise<void> {
    await this.fleet.beat();
    await this.settlement.settle();
  }

  /** What needs nobody else; null when Redis must be asked. */
  private takeLocally(open: readonly OpenCharge[]): Decision | null {
    const nowMs = this.clock.monotonicMs();
    let isUnknown = this.settlement.isFull;
    let isDenied = false;
    for (const charge of open) {
      charge.standing = charge.account.standing(charge.cost, nowMs);
      if (charge.standing === 'unknown') isUnknown = true;
      else if (charge.standing === 'denied' && charge.policy.isShadow !== true) isDenied = true;
    }
    if (isDenied) return denyLocally(open, nowMs);
    if (!this.fleet.isRedisUsable) return this.takeWithoutRedis(open, nowMs);
    if (isUnknown) return null;
    const states: ChargeState[] = [];
    for (const { account, cost, counts, policy, standing } of open) {
      const isWithin = standing === 'spendable';
      if (isWithin) {
        account.spend(cost, nowMs);
        this.settlement.note(account);
      }
      const state = account.state(isWithin, nowMs);
      if (isWithin) counts.admitLocally(state.remaining, policy.limit);
      else counts.refuse(true);
      states.push(state);
    }
    return { outcome: 'admitted', states, retryAfterMs: 0 };
  }

  private takeFromRedis(open: readonly OpenCharge[]): Promise<Decision> {
    const local = open.filter(({ account }) => account.terms.isLocal);
    return local.length === 0 ? this.askRedis(open) : this.takeWithRefill(open, local);
  }

  /** Points for the next ones may be on their way already: a burst asks once for many. */
  private async takeWithRefill(open: readonly OpenCharge[], local: readonly OpenCharge[]): Promise<Decision> {
    for (let round = 0; round < REFILL_ROUNDS_MAX; round += 1) {
      const refills = local.flatMap(({ account }) => account.refill ?? []);
      if (refills.length === 0) break;
      await Promise.all(refills);
      const decision = this.takeLocally(open);
      if (decision !== null) return decision;
    }
    const decision = this.askRedis(open);
    const refilled = local.filter(({ account }) => account.refill === null);
    for (const { account } of refilled) account.refill = decision;
    try {
      return await decision;
    } finally {
      for (const { account } of refilled) account.refill = null;
    }
  }

  /** Never rejects: without Redis memory decides. */
  private askRedis(open: readonly OpenCharge[]): Promise<Decision> {
    return this.settlement
      .take(
        open.map(({ account }) => account),
        open.map(({ cost }) => cost),
      )
      .then(
        (replies) => this.noteDecision(open, replies),
        (error: unknown) => {
          this.fleet.trip(error);
          return this.takeWithoutRedis(open, this.clock.monotonicMs());
        },
      );
  }

  private noteDecision(open: readonly OpenCharge[], replies: readonly WindowReply[]): Decision {
    const decision = this.toDecision(open, replies, ({ granted, retryMs }, { cost }) =>
      granted === 0 ? retryMs === 0 : granted >= cost,
    );
    count(open, decision);
    if (decision.outcome === 'admitted') {
      const nowMs = this.clock.monotonicMs();
      for (const [index, { account, cost, policy }] of open.entries())
        if (decision.states[index]?.isWithin === true) account.window.add(cost, nowMs, policy);
    }
    return decision;
  }

  private toDecision(
    open: readonly OpenCharge[],
    replies: readonly WindowReply[],
    isWithinOf: (reply: WindowReply, charge: OpenCharge) => boolean,
  ): Decision {
    let retryAfterMs = 0;
    const states = open.map((charge, index) => {
      const { policy } = charge;
      const reply = replies[index] ?? { granted: 0, remaining: 0, retryMs: 0, resetMs: 0 };
      const isWithin = isWithinOf(reply, charge);
      if (!isWithin && policy.isShadow !== true) retryAfterMs = Math.max(retryAfterMs, reply.retryMs);
      const { remaining, resetMs } = reply;
      return { policy, isWithin, remaining, resetMs, retryMs: isWithin ? 0 : reply.retryMs };
    });
    return { outcome: retryAfterMs === 0 ? 'admitted' : 'denied', states, retryAfterMs };
  }

  /** This process's share, from what it has admitted itself. */
  private takeWithoutRedis(open: readonly OpenCharge[], nowMs: number): Decision {
    for (const { counts } of open) counts.fallback += 1;
    const decision = takeFromWindows(this.withShares(open), nowMs);
    count(open, decision);
    if (decision.outcome !== 'admitted') return decision;
    const mustDeny = open.some(({ policy }) => policy.withoutRedis === 'deny' && policy.isShadow !== true);
    for (const [index, { account, cost }] of open.entries()) {
      if (decision.states[index]?.isWithin !== true) continue;
      if (mustDeny) {
        account.window.remove(cost);
      } else {
        if (!account.terms.keepsLog) continue;
        account.spendWithoutRedis(cost);
        this.settlement.note(account);
      }
    }
    return mustDeny ? { ...decision, outcome: 'unavailable', retryAfterMs: UNAVAILABLE_RETRY_MS } : decision;
  }

  private withShares(open: readonly OpenCharge[]) {
    return open.map(({ policy, subject, cost, account }) => ({
      policy,
      subject,
      cost,
      window: account.window,
      terms: { limit: account.terms.share, windowMs: policy.windowMs },
    }));
  }

  private async adjust(
    charge: Charge,
    order: WindowOrder,
    locally: (account: TokenAccount, nowMs: number) => void,
  ): Promise<void> {
    const open = this.open([charge]);
    for (const { account } of open) {
      locally(account, this.clock.monotonicMs());
      account.forgetDenial();
    }
    if (!this.fleet.isRedisUsable || !open.every(({ account }) => account.terms.keepsLog)) return;
    await this.run(open, 'each', () => order).catch((error: unknown) => {
      this.fleet.trip(error);
    });
  }

  private run(
    open: readonly OpenCharge[],
    mode: 'each' | 'peek',
    orderOf: (charge: OpenCharge) => WindowOrder,
  ): Promise<WindowReply[]> {
    return this.commands.run(
      open.map(({ account }) => account.redisKey),
      [open.map(({ account }) => account.terms.encoded).join(''), mode, encodeOrders(open.map(orderOf))],
    );
  }

  private open(charges: readonly Charge[]): OpenCharge[] {
    return charges.map(({ policy, subject, cost }) => {
      const { accounts, counts } = this.bookOf(policy);
      return { policy, subject, cost, account: accounts.get(subject), counts, standing: 'unknown' };
    });
  }

  private bookOf(policy: RateLimitPolicy): PolicyBook {
    const known = this.books.get(policy);
    if (known !== undefined) return known;
    const terms = new PolicyTerms(policy, this.fleet.podCount);
    const book = {
      terms,
      accounts: new KeyedGenerations((subject) => new TokenAccount(terms, subject)),
      counts: this.counts.of(policy.name),
    };
    if (this.books.size >= POLICIES_MAX) this.books.clear();
    this.books.set(policy, book);
    return book;
  }
}

/** One charge at least is known to be denied; nothing is taken. */
function denyLocally(open: readonly OpenCharge[], nowMs: number): Decision {
  let retryAfterMs = 0;
  const states = open.map(({ account, counts, policy, standing }) => {
    const isWithin = standing !== 'denied';
    const state = account.state(isWithin, nowMs);
    if (!isWithin) {
      counts.refuse(policy.isShadow ?? false);
      counts.denialCache += 1;
      if (policy.isShadow !== true) retryAfterMs = Math.max(retryAfterMs, state.retryMs);
    }
    return state;
  });
  return { outcome: 'denied', states, retryAfterMs };
}

function count(open: readonly OpenCharge[], { states }: Decision): void {
  for (const [index, { counts, policy }] of open.entries()) {
    const state = states[index];
    if (state?.isWithin === true) counts.admit(state.remaining, policy.limit);
    else counts.refuse(policy.isShadow ?? false);
  }
}
