import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { RedisService } from '../../infrastructure/redis/index.js';
import type { Breaker, BreakerOptions, BreakerReport, CircuitEvent, CircuitMode } from './circuit-breaker.js';
import { registerCircuitBreakerMetrics } from './circuit-breaker.metrics.js';
import { FleetBreaker } from './fleet-breaker.js';
import { FleetCircuit } from './fleet-circuit.js';

/** A probe without a deadline of its own is waited for this long. */
const PROBE_LEASE_MS = 30_000;
/** What an admitted probe may need before its call begins. */
const PROBE_GRACE_MS = 1000;
const OPEN_JITTER = 0.2;
/** Names come from code; more than this is a name made from data. */
const BREAKERS_MAX = 100;
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

interface Entry {
  readonly breaker: FleetBreaker;
  readonly fleet: FleetCircuit | null;
  readonly subscription: { close(): void } | null;
}

/** `unknown`: no breaker has the name. `off`: the feature is. `lost`: Redis did not confirm it. */
export type ModeChange = 'made' | 'unknown' | 'off' | 'lost';

/** The circuit breakers of the process, by name. @see Breaker */
@Injectable()
export class DistributedCircuitBreakerService implements OnApplicationShutdown {
  private readonly processId = newId();
  private readonly entries = new Map<string, Entry>();
  private readonly metrics;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly config: AppConfig,
    private readonly redis: RedisService,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.metrics = registerCircuitBreakerMetrics(metrics, () => this.breakers());
  }

  /**
   * A new breaker; options that are not given are those of the configuration, without a deadline, a cap
   * or slow calls.
   * @throws Error when the name is taken: two backends must not share one state.
   */
  create(name: string, options: Partial<BreakerOptions> = {}): Breaker {
    if (!NAME.test(name)) throw new Error(`${name} is no name for a circuit breaker`);
    if (this.entries.has(name)) throw new Error(`there is a circuit breaker ${name} already`);
    if (this.entries.size >= BREAKERS_MAX) throw new Error('there are too many circuit breakers');
    const entry = this.makeEntry(name, { ...this.defaults(), ...options });
    this.entries.set(name, entry);
    if (entry.fleet !== null) this.timer ??= this.startPolling();
    return entry.breaker;
  }

  find(name: string): Breaker | null {
    return this.entries.get(name)?.breaker ?? null;
  }

  list(): BreakerReport[] {
    return [...this.breakers()].map((breaker) => breaker.report());
  }

  /** Sets who decides, for the whole fleet; in each mode, `automatic` included, the circuit starts closed. */
  async setMode(name: string, mode: CircuitMode): Promise<ModeChange> {
    const entry = this.entries.get(name);
    if (entry === undefined) return 'unknown';
    if (entry.fleet === null) return 'off';
    return (await entry.fleet.setMode(mode)) ? 'made' : 'lost';
  }

  onApplicationShutdown(): void {
    if (this.timer !== null) clearInterval(this.timer);
    for (const { subscription } of this.entries.values()) subscription?.close();
  }

  private *breakers(): Generator<FleetBreaker> {
    for (const { breaker } of this.entries.values()) yield breaker;
  }

  private makeEntry(name: string, options: BreakerOptions): Entry {
    const probeLeaseMs = options.timeoutMs > 0 ? 2 * options.timeoutMs + PROBE_GRACE_MS : PROBE_LEASE_MS;
    const settings = { ...options, probeLeaseMs, pollMs: this.config.env.CIRCUIT_BREAKER_POLL_MS };
    const breaker = new FleetBreaker(name, settings, this.clock, (error) => {
      this.logger.error({ breaker: name, err: error }, 'the shared state of a circuit breaker is not usable');
    });
    if (!this.config.env.FEATURE_CIRCUIT_BREAKER) {
      breaker.disable();
      return { breaker, fleet: null, subscription: null };
    }
    breaker.onChange((event) => {
      this.tell(event);
    });
    const fleet = new FleetCircuit(name, settings, this.redis, this.processId, breaker);
    breaker.join(fleet);
    const subscription = fleet.listen(() => void fleet.sync());
    return { breaker, fleet, subscription };
  }

  private defaults(): BreakerOptions {
    const { env } = this.config;
    return {
      windowMs: env.CIRCUIT_BREAKER_WINDOW_MS,
      minimumCalls: env.CIRCUIT_BREAKER_MINIMUM_CALLS,
      failureRateThreshold: env.CIRCUIT_BREAKER_FAILURE_PERCENT / 100,
      slowCallMs: 0,
      slowCallRateThreshold: env.CIRCUIT_BREAKER_SLOW_PERCENT / 100,
      openMs: env.CIRCUIT_BREAKER_OPEN_MS,
      openMaxMs: env.CIRCUIT_BREAKER_OPEN_MAX_MS,
      openJitter: OPEN_JITTER,
      probes: env.CIRCUIT_BREAKER_PROBES,
      quorum: env.CIRCUIT_BREAKER_QUORUM,
      timeoutMs: 0,
      concurrencyMax: 0,
    };
  }

  private startPolling(): NodeJS.Timeout {
    return setInterval(() => {
      for (const { fleet } of this.entries.values()) void fleet?.poll();
    }, this.config.env.CIRCUIT_BREAKER_POLL_MS).unref();
  }

  private tell(event: CircuitEvent): void {
    const { breaker, from, to, cause } = event;
    this.metrics.countTransition(breaker, to);
    const line = { breaker, from, to, cause };
    if (to === 'open' || to === 'forced_open') this.logger.warn(line, 'a circuit breaker has opened');
    else this.logger.info(line, 'a circuit breaker has changed');
  }
}
