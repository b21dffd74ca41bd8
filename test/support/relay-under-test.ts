import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { OutboxTaps } from '../../src/core/events/index.js';
import { OutboxBell } from '../../src/core/events/outbox-bell.js';
import { OutboxRelay } from '../../src/core/events/outbox-relay.js';
import { type Job, JobRunner } from '../../src/core/jobs/index.js';
import { PartitionKeeper } from '../../src/core/partitioning/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from './app-harness.js';
import type { TestServices } from './services/index.js';

/** Runs nothing by itself. */
class IdleJobs extends JobRunner {
  readonly registered: Job[] = [];

  override register(job: Job): void {
    this.registered.push(job);
  }
}

/** The outbox's relay and the keeper of its partitions, each run when the test says so. */
export class RelayUnderTest {
  private constructor(
    private readonly jobs: IdleJobs,
    private readonly database: OptimizedPrismaService,
    private readonly redis: RedisService,
  ) {}

  static start(services: TestServices, env: Record<string, string>): RelayUnderTest {
    const config = loadConfig(testEnvironment(services, env));
    const [logger, clock, metrics] = [createLogger('silent'), new SystemClock(), new Metrics()];
    const database = new OptimizedPrismaService(config, logger, new Metrics());
    const redis = new RedisService(config, logger, new Metrics());
    const jobs = new IdleJobs(config, database, clock, logger, metrics);
    const keeper = new PartitionKeeper(database, jobs, clock, logger, metrics);
    const bell = new OutboxBell(redis, clock);
    new OutboxRelay(config, database, redis, jobs, keeper, new OutboxTaps(), bell, metrics).onModuleInit();
    keeper.onModuleInit();
    return new RelayUnderTest(jobs, database, redis);
  }

  /** True when there is more to do at once. */
  run(name: 'outbox-relay' | 'partition-keeper'): Promise<boolean> {
    const job = this.jobs.registered.find((each) => each.name === name);
    if (job === undefined) throw new Error(`nobody has registered ${name}`);
    return job.run();
  }

  async close(): Promise<void> {
    this.redis.onApplicationShutdown();
    await this.database.onApplicationShutdown();
  }
}
