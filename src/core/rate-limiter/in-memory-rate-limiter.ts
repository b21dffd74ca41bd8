import type { Clock } from '../../common/clock.js';
import { KeyedGenerations } from './keyed-generations.js';
import { type Charge, type ChargeState, type Decision, RateLimiter } from './rate-limiter.js';
import { SlidingWindow, type WindowTerms } from './sliding-window.js';

/** A charge and the window that it is taken from. */
export interface WindowCharge extends Charge {
  readonly window: SlidingWindow;
  /** What this process may give, where that is not what the policy says. */
  readonly terms: WindowTerms;
}

/** Takes all charges from windows in memory, or none. */
export function takeFromWindows(charges: readonly WindowCharge[], nowMs: number, isPeek = false): Decision {
  let retryAfterMs = 0;
  const within: boolean[] = [];
  for (const { window, terms, cost, policy } of charges) {
    const retryMs = window.retryMs(cost, nowMs, terms);
    within.push(retryMs === 0);
    if (retryMs > 0 && policy.isShadow !== true) retryAfterMs = Math.max(retryAfterMs, retryMs);
  }
  const isAdmitted = retryAfterMs === 0;
  const states: ChargeState[] = [];
  for (const [index, { window, terms, cost, policy }] of charges.entries()) {
    const isWithin = within[index] === true;
    if (!isPeek) {
      if (isWithin && isAdmitted) window.add(cost, nowMs, terms);
      else if (!isWithin && (policy.blockMs ?? 0) > 0 && !window.isBlocked(nowMs))
        window.block(policy.blockMs ?? 0, nowMs);
    }
    const retryMs = isWithin ? 0 : window.retryMs(cost, nowMs, terms);
    if (!isWithin && policy.isShadow !== true) retryAfterMs = Math.max(retryAfterMs, retryMs);
    states.push({
      policy,
      isWithin,
      remaining: Math.max(0, terms.limit - window.used(nowMs, terms)),
      resetMs: window.resetMs(nowMs, terms),
      retryMs,
    });
  }
  return { outcome: isAdmitted ? 'admitted' : 'denied', states, retryAfterMs };
}

/**
 * Counts in this process alone: a fleet of N admits up to N times the limit. Answers at once. Remembers a
 * bounded number of subjects of each policy, the latest ones.
 */
export class InMemoryRateLimiter extends RateLimiter {
  private readonly windows = new Map<string, KeyedGenerations<SlidingWindow>>();

  constructor(private readonly clock: Clock) {
    super();
  }

  override take(charges: readonly Charge[]): Decision {
    return takeFromWindows(this.locate(charges), this.clock.monotonicMs());
  }

  override peek(charges: readonly Charge[]): Promise<Decision> {
    return Promise.resolve(takeFromWindows(this.locate(charges), this.clock.monotonicMs(), true));
  }

  override penalize({ policy, subject, cost }: Charge): Promise<void> {
    this.windowsOf(policy.name).get(subject).add(cost, this.clock.monotonicMs(), policy);
    return Promise.resolve();
  }

  override refund({ policy, subject, cost }: Charge): Promise<void> {
    this.windowsOf(policy.name).get(subject).remove(cost);
    return Promise.resolve();
  }

  override block({ policy, subject }: Pick<Charge, 'policy' | 'subject'>, durationMs: number): Promise<void> {
    this.windowsOf(policy.name).get(subject).block(durationMs, this.clock.monotonicMs());
    return Promise.resolve();
  }

  override reset({ policy, subject }: Pick<Charge, 'policy' | 'subject'>): Promise<void> {
    this.windowsOf(policy.name).delete(subject);
    return Promise.resolve();
  }

  private locate(charges: readonly Charge[]): WindowCharge[] {
    return charges.map(({ policy, subject, cost }) => ({
      policy,
      subject,
      cost,
      window: this.windowsOf(policy.name).get(subject),
      terms: policy,
    }));
  }

  private windowsOf(name: string): KeyedGenerations<SlidingWindow> {
    let windows = this.windows.get(name);
    if (windows === undefined) {
      windows = new KeyedGenerations(() => new SlidingWindow());
      this.windows.set(name, windows);
    }
    return windows;
  }
}
