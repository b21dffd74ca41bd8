import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { SingleFlight } from '../../common/single-flight.js';
import { AppConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { CheckedComponent } from './checked-component.js';
import { HealthChecks } from './health-checks.js';
import { groupStatuses, type HealthReport } from './health-report.js';
import { HealthSummary } from './health-summary.js';
import { HealthMetrics } from './health.metrics.js';
import { ProcessState } from './process-state.js';

/** A report of this age serves every probe without a further question. */
const FRESH_MS = 1000;
/** An older one is still told while a new one is made; beyond this age askers wait for the new one. */
const STALE_MAX_MS = 15_000;
/** Without any probe the components are asked this often, so that metrics and hysteresis go on. */
const IDLE_INTERVAL_MS = 5000;
const TICK_MS = 1000;

/**
 * What the process knows of its dependencies, as a report that is made in the background and read by
 * everybody: a probe costs no call of a dependency and waits for none.
 *
 * - All components are asked at once, each within HEALTH_CHECK_DEADLINE_MS, at most once a second however
 *   many probes come, every 5 s when none comes, and every second while answers contradict the status.
 * - A status changes after HEALTH_FAILURES_TO_DOWN failures or HEALTH_SUCCESSES_TO_UP successes in a row.
 * - A check that throws, hangs or fails otherwise makes its own component `down` and nothing else.
 * - The report tells its age. Only before the first one, or when the process stood still for 15 s, does
 *   an asker wait, and then no longer than the deadline.
 *
 * Liveness and readiness do not read it: the loss of a shared dependency must not take every pod out.
 */
@Injectable()
export class OptimizedHealthService implements OnApplicationBootstrap, OnModuleDestroy {
  private components: CheckedComponent[] = [];
  private latest: HealthReport | null = null;
  private readonly refreshing = new SingleFlight(() => this.make());
  private ticking: NodeJS.Timeout | undefined;
  private readonly metrics: HealthMetrics;

  constructor(
    private readonly checks: HealthChecks,
    private readonly summary: HealthSummary,
    private readonly config: AppConfig,
    private readonly clock: Clock,
    private readonly state: ProcessState,
    metrics: Metrics,
  ) {
    this.metrics = new HealthMetrics(
      metrics,
      () => this.latest?.components ?? [],
      () => (this.latest === null ? null : this.ageOf(this.latest)),
    );
  }

  onApplicationBootstrap(): void {
    this.ticking = setInterval(() => {
      this.tick();
    }, TICK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.ticking);
  }

  /** At once, except where there is no report that may still be told. Never rejects. */
  report(): HealthReport | Promise<HealthReport> {
    const { latest } = this;
    if (latest === null) return this.refresh();
    const ageMs = this.ageOf(latest);
    if (ageMs <= FRESH_MS) return latest;
    const refreshed = this.refresh();
    return ageMs <= STALE_MAX_MS ? latest : refreshed;
  }

  ageOf(report: HealthReport): number {
    return Math.round(this.clock.monotonicMs() - report.madeAtMs);
  }

  /** Asks every component; who comes while that goes on gets the same report. */
  refresh(): Promise<HealthReport> {
    return this.refreshing.join();
  }

  private tick(): void {
    // A start keeps the loop busy: answers that are read late would look like failures.
    if (this.state.phase === 'starting') return;
    const isDue = this.latest === null || this.ageOf(this.latest) >= IDLE_INTERVAL_MS;
    if (isDue || this.components.some(({ isInDoubt }) => isInDoubt)) void this.refresh();
  }

  private async make(): Promise<HealthReport> {
    this.metrics.countRefresh();
    this.adoptChecks();
    await Promise.all(
      this.components.map(async (component) => {
        const reason = await component.probe();
        if (reason !== null) this.metrics.countFailure(component.check.name, reason);
      }),
    );
    const components = this.components.map((component) => component.view());
    const summary = await this.summary.summarize(groupStatuses(components));
    this.latest = { madeAtMs: this.clock.monotonicMs(), components, summary };
    return this.latest;
  }

  /** Checks may be registered until the application has started. */
  private adoptChecks(): void {
    const { env } = this.config;
    const known = new Set(this.components.map(({ check }) => check.name));
    for (const check of this.checks.all)
      if (!known.has(check.name))
        this.components.push(
          new CheckedComponent(check, this.clock, env.HEALTH_CHECK_DEADLINE_MS, {
            failuresToDown: env.HEALTH_FAILURES_TO_DOWN,
            successesToUp: env.HEALTH_SUCCESSES_TO_UP,
          }),
        );
  }
}
