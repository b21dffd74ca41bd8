import type { Clock } from '../../common/clock.js';

/** A member of the queue of one deadline; it is in at most one. */
export interface Due {
  dueMs: number;
  earlier: Due | null;
  later: Due | null;
  expire(): void;
}

/**
 * The deadlines of calls that all may take equally long, in the order in which they began: one timer
 * for all of them instead of one each, because making and clearing a timer costs more than everything
 * else a protected call does.
 */
export class CallDeadlines {
  private first: Due | null = null;
  private last: Due | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly timeoutMs: number,
    private readonly clock: Clock,
  ) {}

  add(call: Due, nowMs: number): void {
    call.dueMs = nowMs + this.timeoutMs;
    call.earlier = this.last;
    if (this.last === null) this.first = call;
    else this.last.later = call;
    this.last = call;
    if (this.timer === null) this.wake(this.timeoutMs);
  }

  remove(call: Due): void {
    if (call.earlier === null) this.first = call.later;
    else call.earlier.later = call.later;
    if (call.later === null) this.last = call.earlier;
    else call.later.earlier = call.earlier;
    call.earlier = call.later = null;
  }

  private wake(afterMs: number): void {
    this.timer = setTimeout(() => {
      // Timers run before sockets are read: an answer that is already here is not late.
      setImmediate(() => {
        this.expireDue();
      });
    }, afterMs).unref();
  }

  private expireDue(): void {
    this.timer = null;
    const nowMs = this.clock.monotonicMs();
    while (this.first !== null && this.first.dueMs <= nowMs) {
      const call = this.first;
      this.remove(call);
      call.expire();
    }
    if (this.first !== null) this.wake(Math.max(1, this.first.dueMs - nowMs));
  }
}
