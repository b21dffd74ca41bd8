// The session monitor of one process of a fleet (goal W4): node session-monitor-member.mjs REDIS_URL. Says
// "ready" when it asks for the lease; ends with its parent.
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../../../../dist/common/clock.js';
import { loadConfig } from '../../../../dist/config/index.js';
import { MonitorLease } from '../../../../dist/core/session-monitor/monitor-lease.js';
import { WorkerSessionMonitorService } from '../../../../dist/core/session-monitor/worker-session-monitor.service.js';
import { createLogger } from '../../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../../dist/infrastructure/metrics/index.js';
import { RedisService } from '../../../../dist/infrastructure/redis/index.js';

const [redisUrl = ''] = process.argv.slice(2);
const config = loadConfig({
  DATABASE_URL: 'postgresql://nobody@127.0.0.1/none',
  REDIS_URL: redisUrl,
  SESSION_MONITOR_INTERVAL_MS: '3600000',
  // The calls are counted, however long they take.
  SESSION_MONITOR_BUSY_PERCENT: '100',
});
const [logger, metrics] = [createLogger('silent'), new Metrics()];
const redis = new RedisService(config, logger, metrics);
while (!redis.isReady('sessions')) await sleep(5);
const monitor = new WorkerSessionMonitorService({
  config,
  lease: new MonitorLease(redis),
  clock: new SystemClock(),
  logger,
  metrics,
  workerFile: new URL('../../../../dist/core/session-monitor/session-monitor.worker.js', import.meta.url),
});
monitor.onApplicationBootstrap();
process.on('message', () => {
  void (async () => {
    await monitor.onModuleDestroy();
    redis.onApplicationShutdown();
    process.exit(0);
  })();
});
process.on('disconnect', () => process.exit(1));
process.send?.('ready');
