import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { RedisService } from '../../infrastructure/redis/index.js';
import { HealthChecks } from '../health/index.js';
import { MonitorLease } from './monitor-lease.js';
import { SessionMonitor } from './session-monitor.js';
import { SessionStatisticsController } from './session-statistics.controller.js';
import { WorkerSessionMonitorService } from './worker-session-monitor.service.js';

const WORKER_FILE = new URL('./session-monitor.worker.js', import.meta.url);

@Module({
  controllers: [SessionStatisticsController],
  providers: [
    {
      provide: SessionMonitor,
      inject: [AppConfig, RedisService, Clock, Logger, Metrics],
      useFactory: (config: AppConfig, redis: RedisService, clock: Clock, logger: Logger, metrics: Metrics) =>
        new WorkerSessionMonitorService({
          config,
          lease: new MonitorLease(redis),
          clock,
          logger,
          metrics,
          workerFile: WORKER_FILE,
        }),
    },
  ],
})
export class WorkerMonitorModule implements OnModuleInit {
  constructor(
    @Inject(SessionMonitor) private readonly monitor: WorkerSessionMonitorService,
    private readonly config: AppConfig,
    private readonly health: HealthChecks,
  ) {}

  onModuleInit(): void {
    if (!this.config.env.FEATURE_SESSION_MONITOR) return;
    this.health.register({
      name: 'session-monitor',
      group: 'process',
      isCritical: false,
      run: () => Promise.resolve(this.monitor.finding),
    });
  }
}
