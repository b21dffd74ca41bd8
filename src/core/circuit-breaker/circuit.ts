import type {
  BreakerOptions,
  CallOutcome,
  CircuitEvent,
  CircuitMode,
  CircuitState,
  RefusalReason,
} from './circuit-breaker.js';
import { CallWindow } from './call-window.js';

export interface CircuitOptions extends Pick<
  BreakerOptions,
  | 'windowMs'
  | 'minimumCalls'
  | 'failureRateThreshold'
  | 'slowCallMs'
  | 'slowCallRateThreshold'
  | 'openMs'
  | 'openMaxMs'
  | 'openJitter'
  | 'probes'
> {
  /** How long the result of a probe is waited for before its place is given to another one. */
  readonly probeLeaseMs: number;
}

/** What the fleet has decided, with times on this process's own clock. */
export interface Decision {
  readonly mode: CircuitMode;
  readonly state: CircuitState;
  readonly openedCount: number;
  readonly retryAtMs: number;
}

/**
 * The state machine of one breaker in one process, without waiting and without Redis. It judges results,
 * opens and recovers by itself, and takes over what the fleet decides.
 *
 * A call is admitted under a generation, a number that changes with every change of state or mode; its
 * result counts only while that generation lasts. Every method takes the time, so that a call reads the
 * clock once.
 */
export class Circuit {
  state: CircuitState = 'closed';
  mode: CircuitMode = 'automatic';
  generation = 1;
  /** True when calls simply pass: the question that every call asks. */
  isPassing = true;
  /** Earliest time of a probe; only while open. */
  retryAtMs = 0;
  /** Openings since the last recovery. */
  openedCount = 0;
  private isCounting = true;
  private probesGranted = 0;
  private probesSucceeded = 0;
  private probesLostAtMs = 0;
  private readonly window: CallWindow;

  constructor(
    private readonly options: CircuitOptions,
    private readonly changed: (event: Omit<CircuitEvent, 'breaker'>) => void = () => undefined,
    private readonly random: () => number = Math.random,
  ) {
    this.window = new CallWindow(options.windowMs);
  }

  /** Admits a call under the present generation, or says why not. An open circuit whose time is over becomes half open. */
  admit(nowMs: number): RefusalReason | null {
    if (this.isPassing) return null;
    if (this.mode === 'forced_open') return 'forced_open';
    if (this.state === 'open') {
      if (nowMs < this.retryAtMs) return 'open';
      this.enter('half_open', 'results');
    }
    if (this.probesGranted === this.options.probes) {
      if (nowMs < this.probesLostAtMs) return 'probing';
      // What has not come back by now is lost; if it does come back, it is of an earlier generation.
      this.generation += 1;
      this.probesGranted = this.probesSucceeded;
    }
    this.probesGranted += 1;
    this.probesLostAtMs = nowMs + this.options.probeLeaseMs;
    return null;
  }

  /** Takes the result of a call that was admitted under the generation. False when it came too late to count. */
  settle(generation: number, outcome: CallOutcome, durationMs: number, nowMs: number): boolean {
    if (generation !== this.generation) return false;
    if (!this.isCounting) return true;
    const isSlow = this.isSlow(durationMs);
    if (this.state === 'half_open') this.settleProbe(outcome, isSlow, nowMs);
    else if (outcome !== 'ignored') {
      this.window.add(nowMs, outcome === 'failure', isSlow);
      if ((this.window.failures > 0 || this.window.slow > 0) && this.mode === 'automatic') this.judge(nowMs);
    }
    return true;
  }

  isSlow(durationMs: number): boolean {
    return this.options.slowCallMs > 0 && durationMs >= this.options.slowCallMs;
  }

  /** Opens now, for the base time doubled with each opening since the last recovery. */
  open(nowMs: number): void {
    this.openedCount += 1;
    const { openMs, openMaxMs, openJitter } = this.options;
    const plainMs = Math.min(openMs * 2 ** Math.min(this.openedCount - 1, 30), openMaxMs);
    this.retryAtMs = nowMs + plainMs * (1 + openJitter * this.random());
    this.enter('open', 'results');
  }

  /** Takes over a decision of the fleet. */
  adopt({ mode, state, openedCount, retryAtMs }: Decision): void {
    this.retryAtMs = retryAtMs;
    this.openedCount = openedCount;
    const previous = this.mode;
    this.mode = mode;
    if (mode !== previous) this.changed({ from: previous, to: mode, cause: 'fleet' });
    this.enter(state, 'fleet');
  }

  rates(nowMs: number): { calls: number; failureRate: number | null; slowCallRate: number | null } {
    this.window.advance(nowMs);
    const { calls, failures, slow } = this.window;
    const isEnough = calls >= this.options.minimumCalls;
    return {
      calls,
      failureRate: isEnough ? failures / calls : null,
      slowCallRate: isEnough ? slow / calls : null,
    };
  }

  private judge(nowMs: number): void {
    const { failureRate, slowCallRate } = this.rates(nowMs);
    const { failureRateThreshold, slowCallRateThreshold } = this.options;
    if (failureRate === null || slowCallRate === null) return;
    if (failureRate >= failureRateThreshold || slowCallRate >= slowCallRateThreshold) this.open(nowMs);
  }

  private settleProbe(outcome: CallOutcome, isSlow: boolean, nowMs: number): void {
    if (outcome === 'ignored') {
      // A probe under a lease of the fleet has none of ours to give back.
      this.probesGranted = Math.max(this.probesSucceeded, this.probesGranted - 1);
      return;
    }
    if (outcome === 'failure' || isSlow) {
      this.open(nowMs);
      return;
    }
    this.probesSucceeded += 1;
    if (this.probesSucceeded < this.options.probes) return;
    this.openedCount = 0;
    this.enter('closed', 'results');
  }

  private enter(state: CircuitState, cause: CircuitEvent['cause']): void {
    const from = this.state;
    this.state = state;
    this.generation += 1;
    this.probesGranted = this.probesSucceeded = 0;
    this.isPassing =
      this.mode === 'automatic'
        ? state === 'closed'
        : this.mode === 'disabled' || this.mode === 'metrics_only';
    this.isCounting = this.mode === 'automatic' || this.mode === 'metrics_only';
    // What was counted before a change is the past of another state.
    this.window.clear();
    if (from !== state) this.changed({ from, to: state, cause });
  }
}
