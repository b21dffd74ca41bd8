import { SystemClock } from '../../src/common/clock.js';
import { type AppConfig, loadConfig } from '../../src/config/index.js';
import { AuditCheckpoints } from '../../src/core/audit-log/audit-checkpoints.js';
import { AuditConsumer } from '../../src/core/audit-log/audit-consumer.js';
import { AuditMetrics } from '../../src/core/audit-log/audit-log.metrics.js';
import { AuditProducer } from '../../src/core/audit-log/audit-producer.js';
import { AuditSink } from '../../src/core/audit-log/audit-sink.js';
import { AuditVerifier } from '../../src/core/audit-log/audit-verifier.js';
import { AuditMonths } from '../../src/core/audit-log/retention/audit-months.js';
import { AuditRetention } from '../../src/core/audit-log/retention/audit-retention.js';
import { MonthReviewer } from '../../src/core/audit-log/retention/month-review.js';
import { Retirements } from '../../src/core/audit-log/retention/retirements.js';
import { DistributedAuditLogService } from '../../src/core/audit-log/distributed-audit-log.service.js';
import { EventOutbox } from '../../src/core/events/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { createLogger, type Logger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from './app-harness.js';
import { waitFor } from './wait-for.js';

/** One process's audit log, with connections of its own, put together by hand. */
export class AuditLogUnderTest {
  readonly log: DistributedAuditLogService;
  readonly producer: AuditProducer;
  readonly consumer: AuditConsumer;
  readonly sink: AuditSink;
  readonly checkpoints: AuditCheckpoints;
  readonly verifier: AuditVerifier;
  readonly months: AuditMonths;
  readonly retirements: Retirements;
  readonly retention: AuditRetention;
  readonly metrics = new Metrics();
  /** What somebody would have to look at. */
  readonly errors: unknown[] = [];

  private constructor(
    readonly config: AppConfig,
    readonly redis: RedisService,
    readonly database: OptimizedPrismaService,
  ) {
    const clock = new SystemClock();
    const ignore = () => undefined;
    const logger: Logger = {
      error: (fields) => this.errors.push(fields),
      warn: ignore,
      info: ignore,
      debug: ignore,
    };
    const metrics = new AuditMetrics(this.metrics);
    this.producer = new AuditProducer(config, redis, clock, logger, metrics);
    this.log = new DistributedAuditLogService(config, this.producer, clock, logger, metrics);
    this.sink = new AuditSink(config, database);
    this.checkpoints = new AuditCheckpoints(config, redis, clock, logger);
    this.consumer = new AuditConsumer(config, redis, this.sink, this.checkpoints, clock, logger, metrics);
    this.verifier = new AuditVerifier(config, database);
    this.months = new AuditMonths(database, new EventOutbox());
    this.retirements = new Retirements(config, redis, this.months);
    const reviewer = new MonthReviewer(this.verifier, this.checkpoints, this.retirements, this.months);
    this.retention = new AuditRetention(
      config,
      clock,
      this.months,
      reviewer,
      this.retirements,
      metrics,
      logger,
    );
  }

  /** `consumes`: with the sink running. */
  static async start(
    services: { readonly databaseUrl: string; readonly redis: { readonly url: string } },
    env: Record<string, string> = {},
    { consumes = true }: { consumes?: boolean } = {},
  ): Promise<AuditLogUnderTest> {
    const config = loadConfig(
      testEnvironment(services, { AUDIT_TAKEOVER_MS: '500', AUDIT_CHECKPOINT_INTERVAL_MS: '20', ...env }),
    );
    const logger = createLogger('silent');
    const redis = new RedisService(config, logger, new Metrics());
    const database = new OptimizedPrismaService(config, logger, new Metrics());
    const audit = new AuditLogUnderTest(config, redis, database);
    await waitFor('Redis', () => redis.isReady('main'));
    await audit.log.onModuleInit();
    if (consumes) audit.consumer.onApplicationBootstrap();
    return audit;
  }

  /** In the order in which the application does it. */
  async close(): Promise<void> {
    await this.consumer.onModuleDestroy();
    await this.producer.beforeApplicationShutdown();
    await this.checkpoints.beforeApplicationShutdown();
    this.redis.onApplicationShutdown();
    await this.database.onApplicationShutdown();
  }

  async metric(name: string): Promise<number> {
    const metric = await this.metrics.registry.getSingleMetric(name)?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  }
}
