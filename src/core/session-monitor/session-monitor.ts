/** By the time since the session was opened. */
export const AGE_CLASSES = ['hour', 'day', 'week', 'month', 'older'] as const;
export type AgeClass = (typeof AGE_CLASSES)[number];

export const DEVICE_CLASSES = ['desktop', 'mobile', 'tablet', 'bot', 'other'] as const;
export type DeviceClass = (typeof DEVICE_CLASSES)[number];

/** A user without its name: the same user has the same one in every run, and nothing leads back. */
export interface BusyUser {
  readonly name: string;
  readonly sessions: number;
}

/** The live sessions of the whole fleet as one run of the monitor found them. */
export interface SessionStatistics {
  /** RFC 3339, when the run had ended. */
  readonly takenAt: string;
  readonly users: number;
  readonly sessions: number;
  /** Sessions that were used within a quarter of an hour, as finely as their use is noted. */
  readonly inUse: number;
  readonly byAge: Readonly<Record<AgeClass, number>>;
  readonly byDevice: Readonly<Record<DeviceClass, number>>;
  /** Most sessions first, at most ten. */
  readonly busiestUsers: readonly BusyUser[];
}

/**
 * Looks through the sessions of the fleet: removes what has expired from the books of users who still have
 * live sessions, and counts the rest. One process of the fleet does it, in a thread of its own.
 *
 * - The numbers are those of the last complete run, at most SESSION_MONITOR_INTERVAL_MS plus the length of
 *   a run old; `takenAt` says how old. What changed during the run may be counted or not, and SCAN may
 *   show a book twice while the server rehashes, so they are an observation and no ledger.
 * - Without its Redis there are no runs and no numbers, and nothing else happens.
 * - When the thread hangs or ends it is replaced; when that does not help, the monitor rests, which shows
 *   as `degraded` in `/health`. Requests never notice.
 * - Algorithm: supervision with a restart intensity (Erlang/OTP, `supervisor`), leader by lease with a
 *   fencing token (M. Kleppmann, "How to do distributed locking").
 */
export abstract class SessionMonitor {
  /**
   * Null before the first run of the fleet, or when there was none for a day.
   * @throws SessionStatisticsUnavailable when Redis does not answer
   */
  abstract statistics(): Promise<SessionStatistics | null>;
}
