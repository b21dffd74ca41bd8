import type { Clock } from '../../common/clock.js';
import { CallRunner, type Judge } from './call-runner.js';
import type {
  Action,
  Admission,
  Breaker,
  BreakerOptions,
  BreakerReport,
  CallOptions,
  CallOutcome,
  CircuitEvent,
  Refusal,
  RefusalReason,
} from './circuit-breaker.js';
import { CircuitRefusedError } from './circuit-breaker.errors.js';
import { Circuit } from './circuit.js';
import type { FleetCircuit, FleetObserver } from './fleet-circuit.js';
import type { FleetRecord } from './fleet-record.js';

/** A process that was told that all probes are taken asks again after this long, unless it is told the outcome. */
const ASK_AGAIN_MS = 1000;

/** What a caller is told when nobody can say how long it takes. */
const UNKNOWN_MS = 0;

/** Under what a call was admitted: a generation, or a lease of the fleet. */
interface Ticket {
  readonly generation: number;
  readonly leaseId: string | null;
}

type Listener = (event: CircuitEvent) => void;

/** The breaker of one name in one process: its circuit, its running calls and its part in the fleet. */
export class FleetBreaker implements Breaker, FleetObserver, Judge {
  readonly refusals: Record<RefusalReason, number> = { open: 0, probing: 0, forced_open: 0, concurrency: 0 };
  private readonly circuit: Circuit;
  private readonly runner: CallRunner;
  private readonly listeners = new Set<Listener>();
  private fleet: FleetCircuit | null = null;
  private isLeasing = false;
  private askAgainAtMs = 0;

  constructor(
    readonly name: string,
    options: BreakerOptions & { readonly probeLeaseMs: number },
    private readonly clock: Clock,
    private readonly lostFleet: (error: unknown) => void = () => undefined,
  ) {
    this.circuit = new Circuit(options, (event) => {
      this.changed(event);
    });
    this.runner = new CallRunner(name, options, clock, this);
  }

  get counts() {
    return this.runner.counts;
  }

  get commands(): number {
    return this.fleet?.commands ?? 0;
  }

  /** From now on the circuit is the fleet's. */
  join(fleet: FleetCircuit): void {
    this.fleet = fleet;
  }

  /** Lets every call pass, unjudged, for good. */
  disable(): void {
    this.circuit.adopt({ mode: 'disabled', state: 'closed', openedCount: 0, retryAtMs: 0 });
  }

  execute<T>(action: Action<T>, options?: CallOptions<T>): Promise<T> {
    const answer = this.attempt(action, options?.signal);
    return options?.fallback === undefined ? answer : this.orElse(answer, options.fallback, options.signal);
  }

  admit(): Admission | Refusal | Promise<Admission | Refusal> {
    const ticket = this.enter();
    return ticket instanceof Promise
      ? ticket.then((late) => this.toAdmission(late))
      : this.toAdmission(ticket);
  }

  report(): BreakerReport {
    const nowMs = this.clock.monotonicMs();
    const { mode, state, retryAtMs } = this.circuit;
    const { calls, failureRate, slowCallRate } = this.circuit.rates(nowMs);
    return {
      name: this.name,
      mode,
      state,
      isShared: this.fleet?.isReachable ?? false,
      generation: this.fleet?.known.generation ?? 0,
      retryAfterMs: state === 'open' ? Math.max(0, Math.ceil(retryAtMs - nowMs)) : null,
      callsInWindow: calls,
      failureRate,
      slowCallRate,
      callsRunning: this.runner.running,
    };
  }

  onChange(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  decided({ mode, state, openedCount, retryAtMs, nowMs }: FleetRecord): void {
    this.askAgainAtMs = 0;
    // A time of Redis' clock becomes one of ours by how far off it was when the record was made.
    const ours = this.clock.monotonicMs() + (retryAtMs - nowMs);
    this.circuit.adopt({ mode, state, openedCount, retryAtMs: ours });
  }

  isTripped(): boolean {
    return this.circuit.mode === 'automatic' && this.circuit.state !== 'closed';
  }

  lost(error: unknown): void {
    this.lostFleet(error);
  }

  private attempt<T>(action: Action<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal?.aborted === true) return rejected(signal.reason);
    // What nearly every call does, ahead of everything that only some need.
    if (this.circuit.isPassing && this.runner.hasRoom) {
      this.runner.running += 1;
      return this.runner.run(action, this.circuit.generation, null, signal);
    }
    const ticket = this.enter();
    return ticket instanceof Promise
      ? ticket.then((late) => this.follow(late, action, signal))
      : this.follow(ticket, action, signal);
  }

  private follow<T>(
    ticket: Ticket | CircuitRefusedError,
    action: Action<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (ticket instanceof CircuitRefusedError) return rejected(ticket);
    return this.runner.run(action, ticket.generation, ticket.leaseId, signal);
  }

  private async orElse<T>(
    answer: Promise<T>,
    fallback: (error: unknown) => T | Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      const isOwn = !(error instanceof CircuitRefusedError) && this.runner.outcomeOf(error) === 'ignored';
      if (isOwn || signal?.aborted === true) throw error;
      return fallback(error);
    }
  }

  /** Admits a call, which has its place from then on, or refuses it. */
  private enter(): Ticket | CircuitRefusedError | Promise<Ticket | CircuitRefusedError> {
    const { circuit, fleet, runner } = this;
    const nowMs = this.clock.monotonicMs();
    if (!circuit.isPassing) {
      if (circuit.mode === 'forced_open') return this.refuse('forced_open', nowMs);
      if (circuit.state === 'open' && nowMs < circuit.retryAtMs) return this.refuse('open', nowMs);
    }
    if (!runner.hasRoom) return this.refuse('concurrency', nowMs);
    if (!circuit.isPassing && fleet !== null && fleet.isReachable && fleet.known.state !== 'closed') {
      if (this.isLeasing || nowMs < this.askAgainAtMs) return this.refuse('probing', nowMs);
      return this.lease(fleet);
    }
    return this.enterAlone(nowMs);
  }

  private enterAlone(nowMs: number): Ticket | CircuitRefusedError {
    const reason = this.circuit.admit(nowMs);
    if (reason !== null) return this.refuse(reason, nowMs);
    this.runner.running += 1;
    return { generation: this.circuit.generation, leaseId: null };
  }

  /** One question of a process at a time; whoever comes meanwhile is refused. */
  private async lease(fleet: FleetCircuit): Promise<Ticket | CircuitRefusedError> {
    this.isLeasing = true;
    this.runner.running += 1;
    const lease = await fleet.lease();
    this.isLeasing = false;
    const leaseId = lease?.id ?? null;
    if (leaseId !== null) return { generation: this.circuit.generation, leaseId };
    this.runner.running -= 1;
    const nowMs = this.clock.monotonicMs();
    // Nobody could be asked, or the answer was that the circuit is closed by now.
    if (lease === null || this.circuit.isPassing) return this.enterAlone(nowMs);
    this.askAgainAtMs = nowMs + ASK_AGAIN_MS;
    return this.refuse('probing', nowMs);
  }

  private refuse(reason: RefusalReason, nowMs: number): CircuitRefusedError {
    this.refusals[reason] += 1;
    return new CircuitRefusedError(this.name, reason, this.retryAfterMs(reason, nowMs));
  }

  private retryAfterMs(reason: RefusalReason, nowMs: number): number {
    switch (reason) {
      case 'open':
        return this.circuit.retryAtMs - nowMs;
      case 'probing':
        return Math.max(0, this.askAgainAtMs - nowMs);
      case 'forced_open':
      case 'concurrency':
        return UNKNOWN_MS;
    }
  }

  private toAdmission(ticket: Ticket | CircuitRefusedError): Admission | Refusal {
    if (ticket instanceof CircuitRefusedError) return ticket;
    let isOpen = true;
    return {
      kind: 'admitted',
      run: async (action, options) => {
        if (!isOpen) throw new Error('an admission is for one call');
        isOpen = false;
        const answer = this.runner.run(action, ticket.generation, ticket.leaseId, options?.signal);
        return options?.fallback === undefined
          ? answer
          : this.orElse(answer, options.fallback, options.signal);
      },
      release: () => {
        if (!isOpen) return;
        isOpen = false;
        this.runner.running -= 1;
        this.settle(ticket.generation, ticket.leaseId, 'ignored', 0, this.clock.monotonicMs());
      },
    };
  }

  settle(
    generation: number,
    leaseId: string | null,
    outcome: CallOutcome,
    durationMs: number,
    nowMs: number,
  ): void {
    if (leaseId !== null) void this.settleProbe(generation, leaseId, outcome, durationMs);
    else if (!this.circuit.settle(generation, outcome, durationMs, nowMs)) this.counts.outcomes.stale += 1;
  }

  private async settleProbe(
    generation: number,
    leaseId: string,
    outcome: CallOutcome,
    durationMs: number,
  ): Promise<void> {
    const isSlow = outcome === 'success' && this.circuit.isSlow(durationMs);
    const counted = (await this.fleet?.report(leaseId, isSlow ? 'failure' : outcome)) ?? null;
    // Nobody could be told: what the probe has found out is good for this process.
    const isTaken = counted ?? this.circuit.settle(generation, outcome, durationMs, this.clock.monotonicMs());
    if (!isTaken) this.counts.outcomes.stale += 1;
    else this.askAgainAtMs = 0;
  }

  private changed(event: Omit<CircuitEvent, 'breaker'>): void {
    if (event.to === 'open' && event.cause === 'results') void this.fleet?.sync();
    for (const listener of this.listeners) listener({ breaker: this.name, ...event });
  }
}

const SETTLED = Promise.resolve();

/**
 * Rejects after the caller has its promise: a promise that is rejected when nobody listens yet costs
 * twice as much, because Node.js notes it as unhandled first.
 */
function rejected(reason: unknown): Promise<never> {
  return SETTLED.then(() => {
    throw reason;
  });
}
