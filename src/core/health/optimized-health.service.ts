import { Injectable } from '@nestjs/common';
import {
  HealthCheckService,
  type HealthCheckResult,
  HealthIndicatorService,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { REDIS_ROLES, RedisService } from '../../infrastructure/redis/index.js';
import { type ProcessPhase, ProcessState } from './process-state.js';

/** How long one answer of the dependencies serves every probe. */
const REPORT_MAX_AGE_MS = 1000;

/**
 * What the process knows of itself and of its dependencies. Liveness and readiness ask no dependency:
 * the loss of a shared one must not take every pod out at once. The report of the dependencies is made
 * at most once a second, however many ask, and names no hosts.
 */
@Injectable()
export class OptimizedHealthService {
  private report: { readonly madeAtMs: number; readonly result: Promise<HealthCheckResult> } | null = null;

  constructor(
    private readonly state: ProcessState,
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: OptimizedPrismaService,
    private readonly redis: RedisService,
  ) {}

  get phase(): ProcessPhase {
    return this.state.phase;
  }

  /** Rejects with terminus' 503 when a dependency is down. */
  dependencies(): Promise<HealthCheckResult> {
    const nowMs = performance.now();
    if (this.report === null || nowMs - this.report.madeAtMs > REPORT_MAX_AGE_MS) {
      const result = this.terminus.check([
        () => this.check('database', () => this.database.ping()),
        () => this.check('replicas', () => this.pingReplicas()),
        ...REDIS_ROLES.map((role) => () => this.check(`redis-${role}`, () => this.redis.ping(role))),
      ]);
      // Each asker sees the rejection itself; this keeps a report nobody waits for from being "unhandled".
      result.catch(() => undefined);
      this.report = { madeAtMs: nowMs, result };
    }
    return this.report.result;
  }

  private async pingReplicas(): Promise<void> {
    const answers = await this.database.pingReplicas();
    if (answers.includes(false)) throw new Error('a replica does not answer');
  }

  private async check(name: string, ask: () => Promise<unknown>): Promise<HealthIndicatorResult> {
    const session = this.indicators.check(name);
    try {
      await ask();
      return session.up();
    } catch {
      return session.down();
    }
  }
}
