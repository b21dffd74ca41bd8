import { type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../common/clock.js';
import { SingleFlight } from '../../common/single-flight.js';
import { type AppConfig, parseRedisUrl } from '../../config/index.js';
import type { Logger } from '../../infrastructure/logging/index.js';
import type { Metrics } from '../../infrastructure/metrics/index.js';
import type { Finding } from '../health/index.js';
import { LEASE_MS, type MonitorLease } from './monitor-lease.js';
import { RestartBudget } from './restart-budget.js';
import { SessionStatisticsUnavailable } from './session-monitor.errors.js';
import { SessionMonitorMetrics } from './session-monitor.metrics.js';
import type { MonitorCommand, MonitorMessage, RunReport, WorkerSetup } from './session-monitor.protocol.js';
import { SessionMonitor, type SessionStatistics } from './session-monitor.js';
import { SupervisedWorker, type Thread } from './supervised-worker.js';

/** The leader renews its lease, and the others ask for it, this often. */
const TICK_MS = LEASE_MS / 3;
/** Five restarts a minute, as long as an operator would watch; then the monitor rests. */
const RESTARTS = { restartsMax: 5, windowMs: 60_000, pauseMs: 250, pauseMaxMs: 4000 };
const REST_MS = 300_000;
const BEATS_PER_DEADLINE = 10;
/** Commands of the thread are nobody's request: they may take longer than REDIS_COMMAND_TIMEOUT_MS. */
const COMMAND_DEADLINE_MS = 2000;
/** A run that lasts longer has lost its way: at 4 µs a key and no rests this is more than 100 million. */
const RUN_DEADLINE_MS = 600_000;
/** A run rests less rather than take longer, however long the interval is. */
const RUN_PACE_MAX_MS = RUN_DEADLINE_MS / 2;
const NANOSECONDS_PER_MS = 1e6;
const LOOP_RESOLUTION_MS = 10;
/**
 * One slice is a few hundred kilobytes. The thread ends by itself beyond these, with
 * ERR_WORKER_OUT_OF_MEMORY, and is replaced.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };

export interface SessionMonitorParts {
  readonly config: AppConfig;
  readonly lease: MonitorLease;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The compiled entry of the thread. */
  readonly workerFile: URL;
}

/** A run that is under way. */
interface Run {
  readonly id: number;
  readonly startedAtMs: number;
  readonly loop: ReturnType<typeof monitorEventLoopDelay>;
}

/**
 * The side of the session monitor that lives in the main thread: it asks for the lease, has a thread as
 * long as it leads, tells it when to run, and publishes what it found. It never scans itself.
 */
export class WorkerSessionMonitorService
  extends SessionMonitor
  implements OnApplicationBootstrap, OnModuleDestroy
{
  private readonly worker: SupervisedWorker<MonitorCommand, MonitorMessage>;
  private readonly metrics: SessionMonitorMetrics;
  private ticking: NodeJS.Timeout | undefined;
  private readonly leading = new SingleFlight(() => this.lead());
  private fence = 0;
  private heldUntilMs = 0;
  private run: Run | null = null;
  private runCount = 0;
  private restingUntilMs = 0;
  private statisticsOfLeader: SessionStatistics | null = null;
  private isStopped = false;

  constructor(private readonly parts: SessionMonitorParts) {
    super();
    const { clock, config, logger } = parts;
    this.metrics = new SessionMonitorMetrics(parts.metrics, () => ({
      isLeader: this.isLeader,
      isGivenUp: this.isResting,
      statistics: this.isLeader ? this.statisticsOfLeader : null,
    }));
    this.worker = new SupervisedWorker({
      clock,
      heartbeatDeadlineMs: config.env.SESSION_MONITOR_HEARTBEAT_DEADLINE_MS,
      budget: new RestartBudget(clock, RESTARTS),
      spawn: (generation, beats) => this.spawn(generation, beats),
      onMessage: (message) => {
        this.receive(message);
      },
      onReplaced: (reason, error) => {
        this.metrics.countReplacement(reason);
        this.endRun();
        logger.warn(
          { reason, error: error instanceof Error ? error.message : null },
          'the thread of the session monitor was replaced',
        );
      },
      onGivenUp: () => {
        this.restingUntilMs = clock.monotonicMs() + REST_MS;
        logger.error({ restMs: REST_MS }, 'the thread of the session monitor ended too often; it rests');
        void this.resign();
      },
      onStale: () => {
        this.metrics.countStale();
      },
    });
  }

  get isLeader(): boolean {
    return this.fence !== 0;
  }

  /** For `/health`: the monitor is never a reason not to serve. */
  get finding(): Finding {
    return this.isResting ? 'degraded' : 'up';
  }

  override async statistics(): Promise<SessionStatistics | null> {
    try {
      return await this.parts.lease.read();
    } catch (error) {
      throw new SessionStatisticsUnavailable(error);
    }
  }

  onApplicationBootstrap(): void {
    const { config } = this.parts;
    if (!config.runsJobs || !config.env.FEATURE_SESSION_MONITOR) return;
    this.tick();
    this.ticking = setInterval(() => {
      this.tick();
    }, TICK_MS).unref();
  }

  /** Ends the run between two slices and gives the lease up, so that another process leads at once. */
  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    clearInterval(this.ticking);
    await this.leading.pending;
    await this.resign();
  }

  private get mayRun(): boolean {
    return this.isLeader && !this.isStopped;
  }

  private get isResting(): boolean {
    return this.parts.clock.monotonicMs() < this.restingUntilMs;
  }

  private tick(): void {
    void this.leading.join();
  }

  private async lead(): Promise<void> {
    const { clock, config, lease } = this.parts;
    if (this.isResting || this.isStopped) return;
    const askedAtMs = clock.monotonicMs();
    let sinceCompletedMs: number | null;
    try {
      const held = await lease.hold();
      sinceCompletedMs = held.sinceCompletedMs;
      if (held.fence !== this.fence && this.fence !== 0) await this.stepDown();
      this.fence = held.fence;
      this.heldUntilMs = askedAtMs + LEASE_MS;
    } catch {
      // RedisService says that it is away. Nobody else can take the lease before it has run out.
      if (clock.monotonicMs() > this.heldUntilMs) await this.stepDown();
      return;
    }
    if (!this.mayRun) return;
    this.worker.start();
    if (this.run !== null) this.checkRun(this.run);
    else if (sinceCompletedMs === null || sinceCompletedMs >= config.env.SESSION_MONITOR_INTERVAL_MS)
      this.startRun();
  }

  private startRun(): void {
    const { clock, config } = this.parts;
    const { env } = config;
    const budget = {
      count: env.SESSION_MONITOR_SCAN_COUNT,
      busyPercent: env.SESSION_MONITOR_BUSY_PERCENT,
      paceMs: Math.min(env.SESSION_MONITOR_INTERVAL_MS, RUN_PACE_MAX_MS),
    };
    const id = this.runCount + 1;
    // A thread that is being replaced takes no order; the next tick asks again.
    if (!this.worker.post({ kind: 'run', runId: id, budget })) return;
    this.runCount = id;
    const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
    loop.enable();
    this.run = { id, startedAtMs: clock.monotonicMs(), loop };
  }

  private checkRun({ startedAtMs }: Run): void {
    if (this.parts.clock.monotonicMs() - startedAtMs > RUN_DEADLINE_MS) this.worker.replace('late');
  }

  private receive(message: MonitorMessage): void {
    const { run } = this;
    if (message.runId !== run?.id) {
      this.metrics.countStale();
      return;
    }
    const mainDelayMs = run.loop.percentile(99) / NANOSECONDS_PER_MS - LOOP_RESOLUTION_MS;
    this.endRun();
    switch (message.kind) {
      case 'finished':
        void this.publish(message.report, Math.max(0, Math.round(mainDelayMs)));
        return;
      case 'failed':
        this.metrics.countRun('failed');
        this.parts.logger.debug({ reason: message.reason }, 'a run of the session monitor failed');
    }
  }

  private async publish(report: RunReport, mainDelayMs: number): Promise<void> {
    this.metrics.observeRun(report, mainDelayMs);
    try {
      const isPublished = await this.parts.lease.publish(this.fence, report.statistics);
      if (isPublished) this.statisticsOfLeader = report.statistics;
      this.metrics.countRun(isPublished ? 'published' : 'superseded');
    } catch (error) {
      this.metrics.countRun('failed');
      this.parts.logger.debug({ reason: String(error) }, 'statistics of sessions could not be published');
    }
  }

  private endRun(): void {
    this.run?.loop.disable();
    this.run = null;
  }

  /** Without the lease there is no thread. */
  private async stepDown(): Promise<void> {
    this.fence = 0;
    this.statisticsOfLeader = null;
    this.endRun();
    await this.worker.stop({ kind: 'stop' });
  }

  private async resign(): Promise<void> {
    const { fence } = this;
    await this.stepDown();
    // Without Redis the lease runs out by itself.
    if (fence !== 0) await this.parts.lease.release(fence).catch(() => undefined);
  }

  private spawn(generation: number, beats: SharedArrayBuffer): Thread {
    const { env } = this.parts.config;
    const workerData: WorkerSetup = {
      generation,
      beats,
      beatMs: env.SESSION_MONITOR_HEARTBEAT_DEADLINE_MS / BEATS_PER_DEADLINE,
      target: parseRedisUrl(env.REDIS_SESSION_URL || env.REDIS_URL),
      commandDeadlineMs: COMMAND_DEADLINE_MS,
      nice: env.SESSION_MONITOR_NICE,
    };
    return new Worker(this.parts.workerFile, {
      workerData,
      resourceLimits: RESOURCE_LIMITS,
      name: 'session-monitor',
      // The thread reads no settings, so it has no secrets of the environment either.
      env: {},
    });
  }
}
