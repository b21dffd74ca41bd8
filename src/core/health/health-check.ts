/** What `/health` shows to everybody: one word for each of these. */
export type HealthGroup = 'database' | 'redis' | 'storage' | 'process';

/** What a check found when it did not fail: `degraded` is for what still serves, but impaired. */
export type Finding = 'up' | 'degraded';

/**
 * One thing that the process depends on, and how to ask it.
 *
 * `run` is called by one caller at a time, never again before its promise has settled. It rejects when
 * the thing is not well, with whatever error: an unexpected one counts as a failure too and never spoils
 * the report of the others. At the deadline the signal aborts and the check has failed; `run` then gives
 * back at once what it holds (a connection, a slot). One that does not is not asked again until it ends.
 */
export interface HealthCheck {
  /** Unique, `[a-z-]`, also the label of metrics. Not a host name: it is shown. */
  readonly name: string;
  readonly group: HealthGroup;
  /** True when requests are answered 503 without it; false when they are all answered, only worse. */
  readonly isCritical: boolean;
  readonly run: (signal: AbortSignal) => Promise<Finding>;
}

/** Why a check counts as failed. `failed` is an error, `timeout` no answer within the deadline. */
export type FailureReason = 'failed' | 'timeout';

export type ComponentStatus = 'up' | 'degraded' | 'down';
