import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { AppConfig } from '../../config/index.js';
import { isDatabaseUnavailable, OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { activeTracing } from '../../infrastructure/tracing/index.js';
import { isRedisUnavailable } from '../../infrastructure/redis/index.js';

export interface Job {
  readonly name: string;
  /** Between two runs; a function is asked after each. */
  readonly intervalMs: number | (() => number);
  /** With a lease one process of the fleet runs the job at a time; without, every worker does. */
  readonly isSingleton: boolean;
  /** One run. True when there is more to do at once. */
  readonly run: () => Promise<boolean>;
}

/** A holder that has not renewed its lease for this long has lost it. Runs must be idempotent all the same. */
const LEASE_SECONDS = 10;
/** Holders renew, and others ask, this often. */
const LEASE_RENEWAL_MS = 2000;

/** Runs the background jobs of a worker, one run of each at a time, until the process drains. */
@Injectable()
export class JobRunner implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly holder = newId();
  private readonly jobs: Job[] = [];
  private readonly leases = new Map<string, { isHeld: boolean; askAgainMs: number }>();
  private readonly loops: Promise<void>[] = [];
  /** Ends the pause that a job is in. */
  private readonly wakeUps = new Map<string, () => void>();
  private readonly tracing = activeTracing();
  private isStopped = false;
  private readonly runs;
  private readonly seconds;

  constructor(
    private readonly config: AppConfig,
    private readonly database: OptimizedPrismaService,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.runs = metrics.counter({
      name: 'jobs_runs_total',
      help: 'Runs of background jobs by outcome',
      labelNames: ['job', 'outcome'],
    });
    this.seconds = metrics.counter({
      name: 'jobs_run_seconds_total',
      help: 'Time spent in runs of background jobs',
      labelNames: ['job'],
    });
  }

  register(job: Job): void {
    this.jobs.push(job);
  }

  /** Ends the pause of a job; a run that is under way counts as one that came too early, and is not repeated. */
  wake(name: string): void {
    this.wakeUps.get(name)?.();
  }

  onApplicationBootstrap(): void {
    if (!this.config.runsJobs) return;
    for (const job of this.jobs) this.loops.push(this.loop(job));
  }

  /** Resolves when the runs in progress have ended and the leases are given up; no further run starts. */
  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    for (const wakeUp of this.wakeUps.values()) wakeUp();
    await Promise.all(this.loops);
    if (this.leases.size === 0) return;
    // Others take over at once. Without the database they do when the leases run out.
    await this.database.write
      .$executeRawUnsafe('DELETE FROM leases WHERE holder = $1::uuid', this.holder)
      .catch(() => undefined);
  }

  private async loop(job: Job): Promise<void> {
    while (!this.isStopped) {
      const hasMore = await this.runOnce(job);
      if (!hasMore) await this.pause(job);
    }
  }

  private async runTraced(job: Job): Promise<boolean> {
    const span = this.tracing?.startRoot(`job ${job.name}`, 'internal', { 'caudal.job': job.name }) ?? null;
    if (span === null) return job.run();
    try {
      const hasMore = await this.tracing?.run(span, () => job.run());
      span.end();
      return hasMore === true;
    } catch (error) {
      span.end(error);
      throw error;
    }
  }

  private async runOnce(job: Job): Promise<boolean> {
    const startMs = this.clock.monotonicMs();
    let renewal: NodeJS.Timeout | undefined;
    try {
      if (job.isSingleton) {
        if (!(await this.holdLease(job.name))) return false;
        // A long run keeps its lease; one that cannot renew it may meet another's, and is idempotent.
        renewal = setInterval(() => {
          this.takeLease(job.name).catch(() => undefined);
        }, LEASE_RENEWAL_MS);
      }
      const hasMore = await this.runTraced(job);
      this.runs.inc({ job: job.name, outcome: 'ok' });
      return hasMore;
    } catch (error) {
      this.runs.inc({ job: job.name, outcome: 'failed' });
      // A lost dependency has alerts of its own; anything else is a defect.
      if (isDatabaseUnavailable(error) || isRedisUnavailable(error))
        this.logger.warn({ job: job.name, reason: String(error) }, 'a job could not run');
      else this.logger.error({ job: job.name, err: error }, 'a job failed');
      return false;
    } finally {
      clearInterval(renewal);
      this.seconds.inc({ job: job.name }, (this.clock.monotonicMs() - startMs) / 1000);
    }
  }

  private async holdLease(name: string): Promise<boolean> {
    const nowMs = this.clock.monotonicMs();
    const known = this.leases.get(name);
    if (known !== undefined && nowMs < known.askAgainMs) return known.isHeld;
    this.leases.delete(name);
    const isHeld = await this.takeLease(name);
    this.leases.set(name, { isHeld, askAgainMs: nowMs + LEASE_RENEWAL_MS });
    return isHeld;
  }

  /** Takes or renews the lease; PostgreSQL's clock decides. */
  private async takeLease(name: string): Promise<boolean> {
    const held = await this.database.write.$queryRawUnsafe<unknown[]>(
      `INSERT INTO leases AS l (name, holder, held_until)
       VALUES ($1, $2::uuid, now() + make_interval(secs => ${String(LEASE_SECONDS)}))
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
         WHERE l.holder = excluded.holder OR l.held_until < now()
       RETURNING 1`,
      name,
      this.holder,
    );
    return held.length > 0;
  }

  private pause({ name, intervalMs }: Job): Promise<void> {
    // The end may have come during the run, when there was no pause to be woken from.
    if (this.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const wakeUp = () => {
        clearTimeout(timer);
        this.wakeUps.delete(name);
        resolve();
      };
      const timer = setTimeout(wakeUp, typeof intervalMs === 'number' ? intervalMs : intervalMs());
      this.wakeUps.set(name, wakeUp);
    });
  }
}
