import type { KeptValue, Metrics } from '../../infrastructure/metrics/index.js';

/** The share of a limit from which on it is called near. */
const NEAR_SHARE = 0.8;

/** Decisions of one policy in this process. */
export class PolicyCounts {
  hits = 0;
  nearLimit = 0;
  denied = 0;
  shadowDenied = 0;
  fallback = 0;
  denialCache = 0;
  local = 0;

  admit(remaining: number, limit: number): void {
    this.hits += 1;
    if (remaining < limit * (1 - NEAR_SHARE)) this.nearLimit += 1;
  }

  /** From a lease or on credit. */
  admitLocally(remaining: number, limit: number): void {
    this.local += 1;
    this.admit(remaining, limit);
  }

  refuse(isShadow: boolean): void {
    this.hits += 1;
    if (isShadow) this.shadowDenied += 1;
    else this.denied += 1;
  }
}

const HELP: Readonly<Record<keyof CountFields, [name: string, help: string]>> = {
  hits: ['hits', 'Decisions by policy'],
  nearLimit: ['near_limit', 'Admissions that used more than four fifths of the limit'],
  denied: ['denied', 'Refusals by the policy'],
  shadowDenied: ['shadow_denied', 'What the policy, in shadow mode, would have refused'],
  fallback: ['fallback', 'Decisions from memory because Redis was away'],
  denialCache: ['denial_cache', 'Refusals that were known here, without a question to Redis'],
  local: ['local', 'Decisions from a lease or on credit, without a question to Redis'],
};

type CountFields = Pick<
  PolicyCounts,
  'hits' | 'nearLimit' | 'denied' | 'shadowDenied' | 'fallback' | 'denialCache' | 'local'
>;

/** The counts of every policy, by its name: policies are named in the code. */
export class RateLimiterMetrics {
  private readonly counts = new Map<string, PolicyCounts>();

  constructor(metrics: Metrics) {
    for (const [field, [name, help]] of Object.entries(HELP) as [keyof CountFields, [string, string]][]) {
      metrics.kept({
        name: `rate_limiter_${name}_total`,
        help,
        type: 'counter',
        read: () =>
          [...this.counts].map(([policy, counts]): KeptValue => ({
            labels: { policy },
            value: counts[field],
          })),
      });
    }
  }

  of(policy: string): PolicyCounts {
    let counts = this.counts.get(policy);
    if (counts === undefined) {
      counts = new PolicyCounts();
      this.counts.set(policy, counts);
    }
    return counts;
  }
}
