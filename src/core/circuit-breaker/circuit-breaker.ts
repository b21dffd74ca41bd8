/** `closed`: calls pass and are judged. `open`: calls are refused. `half_open`: some calls are let through as probes. */
export type CircuitState = 'closed' | 'open' | 'half_open';

export const CIRCUIT_MODES = ['automatic', 'forced_open', 'disabled', 'metrics_only'] as const;

/**
 * Who decides. `automatic`: the results of the calls. `forced_open`: every call is refused until somebody
 * changes the mode. `disabled`: every call passes and none is judged. `metrics_only`: every call passes
 * and is counted, so that the thresholds can be watched before they bite.
 */
export type CircuitMode = (typeof CIRCUIT_MODES)[number];

/**
 * Why a call was not made. `open`: the open time is not over. `probing`: it is over, and the probes that
 * decide are on their way. `forced_open`: an operator wants it so. `concurrency`: as many calls as may
 * run at once do run; that says nothing about the backend and never opens a circuit.
 */
export type RefusalReason = 'open' | 'probing' | 'forced_open' | 'concurrency';

/** What one call says about the backend. `ignored`: nothing, as a 4xx, or a caller that gave up. */
export type CallOutcome = 'success' | 'failure' | 'ignored';

export interface BreakerOptions {
  /** Results older than this do not count. The window moves in tenths. */
  readonly windowMs: number;
  /** Fewer results than this in the window judge nothing. At least 1. */
  readonly minimumCalls: number;
  /** Share of failures in the window at which the circuit opens; above 0, up to 1. */
  readonly failureRateThreshold: number;
  /** A call that takes at least this long is slow, whatever its result. 0: none is. */
  readonly slowCallMs: number;
  /** Share of slow calls in the window at which the circuit opens; above 0, up to 1. */
  readonly slowCallRateThreshold: number;
  /** First open time; it doubles with each opening without a recovery in between. */
  readonly openMs: number;
  /** Longest open time. */
  readonly openMaxMs: number;
  /** How much longer than that it may be by chance, as a share: processes and breakers spread out. */
  readonly openJitter: number;
  /** Probes of one recovery, of the whole fleet. So many successes close the circuit, one failure opens it. */
  readonly probes: number;
  /** Processes whose own circuits must be open before it is opened for the fleet. At least 1. */
  readonly quorum: number;
  /** Deadline of a call, after which it has failed for its caller. 0: none. */
  readonly timeoutMs: number;
  /** Calls that may run at once in this process, those included whose caller was told of a timeout. 0: any number. */
  readonly concurrencyMax: number;
  /** What a thrown error says; by default everything is a failure but what `outcomeOfError` ignores. */
  readonly outcomeOf?: (error: unknown) => CallOutcome;
}

/** What a running call can learn of its own. */
export interface RunningCall {
  /** Aborts at the deadline, or when the caller's signal aborts. Made when it is first asked for. */
  readonly signal: AbortSignal;
}

export type Action<T> = (call: RunningCall) => Promise<T>;

export interface CallOptions<T> {
  /** The caller's own signal: when it aborts, the call rejects with its reason and counts as `ignored`. */
  readonly signal?: AbortSignal;
  /**
   * The answer instead of a refusal, a timeout or a failure. Errors that do not count are the caller's
   * own and are thrown all the same.
   */
  readonly fallback?: (error: unknown) => T | Promise<T>;
}

/** The call may be made, once: by `run`, or given back by `release` without a result. */
export interface Admission {
  readonly kind: 'admitted';
  run<T>(action: Action<T>, options?: CallOptions<T>): Promise<T>;
  /** Without effect after `run`. */
  release(): void;
}

export interface Refusal {
  readonly kind: 'refused';
  readonly breaker: string;
  readonly reason: RefusalReason;
  /** When a call may have a chance; 0 when that is not known. */
  readonly retryAfterMs: number;
}

/** What an operator sees of a breaker. Rates are null below the minimum of calls. */
export interface BreakerReport {
  readonly name: string;
  readonly mode: CircuitMode;
  readonly state: CircuitState;
  /** False while Redis is away, and where the feature is off: the process decides on its own. */
  readonly isShared: boolean;
  /** Number of the fleet's last change of mode or state that this process knows of; 0 before the first. */
  readonly generation: number;
  /** Until the next probe may be made; null unless open. */
  readonly retryAfterMs: number | null;
  readonly callsInWindow: number;
  readonly failureRate: number | null;
  readonly slowCallRate: number | null;
  readonly callsRunning: number;
}

/** A change that somebody may want to hear of. */
export interface CircuitEvent {
  readonly breaker: string;
  readonly from: CircuitState | CircuitMode;
  readonly to: CircuitState | CircuitMode;
  /** `results`: of this process. `fleet`: pushed or polled. */
  readonly cause: 'results' | 'fleet';
}

/**
 * A circuit breaker around the calls of one backend (M. Nygard, Release It!), shared by the fleet.
 *
 * - **Decisions are local.** A call in a closed circuit costs no Redis command and no wait. State is
 *   pushed to every process and polled about once a second. Each process judges its own results over a
 *   sliding window; at its threshold it opens for itself at once and votes. With `quorum` votes the
 *   circuit is open for the fleet, so that one bad process does not open it for the others.
 * - **Results carry the generation they started in**; those of an earlier one are ignored, however late.
 * - **Probes are leases.** After a fleet-wide open time (measured by Redis' clock) at most `probes` calls
 *   of the whole fleet are let through. A probe that is never heard of again gives its place back when
 *   its lease ends. So many successes close the circuit; a failure or a slow probe opens it anew for
 *   twice as long.
 * - **The caps hold.** A call that has timed out keeps its place until it really ends, because the work
 *   goes on; its signal is aborted.
 * - **Without Redis** each process goes on with what it knows and decides alone, with probes of its own:
 *   never closed because nobody can be asked. What one process knows outlives a Redis that lost it.
 */
export interface Breaker {
  readonly name: string;

  /**
   * Makes the call if the circuit lets it.
   * @throws CircuitRefusedError when it is not made, CallTimeoutError at its deadline, the reason of the
   * caller's signal when that aborts, and whatever the action throws.
   */
  execute<T>(action: Action<T>, options?: CallOptions<T>): Promise<T>;

  /**
   * Asks first and calls later, for whoever must note its intent in between. Settles at once unless the
   * call would be a probe of the fleet, whose lease is one round trip. An admission that is neither run
   * nor released keeps its place.
   */
  admit(): Admission | Refusal | Promise<Admission | Refusal>;

  report(): BreakerReport;

  /** Calls the listener at each change until the returned function is called. */
  onChange(listener: (event: CircuitEvent) => void): () => void;
}
