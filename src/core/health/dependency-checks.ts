import { Injectable, type OnModuleInit } from '@nestjs/common';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { REDIS_ROLES, type RedisRole, RedisService } from '../../infrastructure/redis/index.js';
import type { Finding } from './health-check.js';
import { HealthChecks } from './health-checks.js';
import { ProcessVitals } from './process-vitals.js';

/** Whatever the process answers is that late: people notice from about here (RAIL: 100 ms feel instant). */
const EVENT_LOOP_DEGRADED_MS = 200;
/** Beyond this share of the heap limit the process collects garbage more than it works. */
const HEAP_DEGRADED_SHARE = 0.95;

/** Without these two requests are answered 503 (docs/operations.md, the table of losses). */
const CRITICAL_ROLES: readonly RedisRole[] = ['sessions'];

/** The checks of what every process has: PostgreSQL, the roles of Redis, and itself. */
@Injectable()
export class DependencyChecks implements OnModuleInit {
  constructor(
    private readonly checks: HealthChecks,
    private readonly database: OptimizedPrismaService,
    private readonly redis: RedisService,
    private readonly vitals: ProcessVitals,
  ) {}

  onModuleInit(): void {
    this.checks.register({
      name: 'database-primary',
      group: 'database',
      isCritical: true,
      run: async () => {
        await this.database.ping();
        return 'up';
      },
    });
    this.checks.register({
      name: 'database-replicas',
      group: 'database',
      isCritical: false,
      run: async () => {
        const answers = await this.database.pingReplicas();
        if (answers.length > 0 && !answers.includes(true)) throw new Error('no replica answers');
        return answers.includes(false) ? 'degraded' : 'up';
      },
    });
    for (const role of REDIS_ROLES)
      this.checks.register({
        name: `redis-${role.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        group: 'redis',
        isCritical: CRITICAL_ROLES.includes(role),
        run: async () => {
          await this.redis.ping(role);
          return 'up';
        },
      });
    for (const region of this.redis.sessionRegions)
      this.checks.register({
        name: `redis-sessions-${region}`,
        group: 'redis',
        isCritical: false,
        run: async () => {
          await this.redis.sessionsOf(region).client.ping();
          return 'up';
        },
      });
    this.checks.register({
      name: 'process',
      group: 'process',
      isCritical: false,
      run: () => Promise.resolve(this.findProcess()),
    });
  }

  private findProcess(): Finding {
    const { eventLoopDelayP99Ms, heapUsedBytes, heapLimitBytes } = this.vitals.read();
    return eventLoopDelayP99Ms > EVENT_LOOP_DEGRADED_MS ||
      heapUsedBytes > heapLimitBytes * HEAP_DEGRADED_SHARE
      ? 'degraded'
      : 'up';
  }
}
