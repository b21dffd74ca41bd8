import type { Clock } from '../../common/clock.js';

export interface RestartPolicy {
  /** Restarts within the window; one more is refused. */
  readonly restartsMax: number;
  readonly windowMs: number;
  /** Before the second restart of a window; doubled for each further one. The first is at once. */
  readonly pauseMs: number;
  readonly pauseMaxMs: number;
}

/** The restart intensity of a supervisor: how often, and after which pause, something is started again. */
export class RestartBudget {
  private restarts: number[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly policy: RestartPolicy,
  ) {}

  /** How long to wait before the next restart, which is spent by this; null when there is none left. */
  spend(): number | null {
    const { restartsMax, windowMs, pauseMs, pauseMaxMs } = this.policy;
    const nowMs = this.clock.monotonicMs();
    this.restarts = this.restarts.filter((atMs) => nowMs - atMs < windowMs);
    const spent = this.restarts.length;
    if (spent >= restartsMax) return null;
    this.restarts.push(nowMs);
    return spent === 0 ? 0 : Math.min(pauseMaxMs, pauseMs * 2 ** (spent - 1));
  }
}
