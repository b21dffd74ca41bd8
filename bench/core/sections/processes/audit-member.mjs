// What one process has of our audit log, from dist/, with the settings of its environment. As a process of
// its own (goal A3, ../../audit-kills.mjs): `node audit-member.mjs sink` takes streams to PostgreSQL;
// `node audit-member.mjs produce RUN` records as many events as each line of its standard input says, and
// writes the numbers of those that were acknowledged, with a ";" behind them. Both end on SIGTERM.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SystemClock } from '../../../../dist/common/clock.js';
import { loadConfig } from '../../../../dist/config/index.js';
import { AuditCheckpoints } from '../../../../dist/core/audit-log/audit-checkpoints.js';
import { AuditConsumer } from '../../../../dist/core/audit-log/audit-consumer.js';
import { AuditMetrics } from '../../../../dist/core/audit-log/audit-log.metrics.js';
import { AuditProducer } from '../../../../dist/core/audit-log/audit-producer.js';
import { AuditSink } from '../../../../dist/core/audit-log/audit-sink.js';
import { DistributedAuditLogService } from '../../../../dist/core/audit-log/distributed-audit-log.service.js';
import { OptimizedPrismaService } from '../../../../dist/infrastructure/database/prisma/index.js';
import { createLogger } from '../../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../../dist/infrastructure/metrics/index.js';
import { RedisService } from '../../../../dist/infrastructure/redis/index.js';

/** Events of one producer that are not acknowledged yet. */
const IN_FLIGHT = 1000;
const RESOURCES = 11;

/** @param {Record<string, string | undefined>} env */
export async function openAuditLog(env) {
  const config = loadConfig(env);
  const [metrics, clock, logger] = [new Metrics(), new SystemClock(), createLogger(config.env.LOG_LEVEL)];
  const auditMetrics = new AuditMetrics(metrics);
  const redis = new RedisService(config, logger, metrics);
  const database = new OptimizedPrismaService(config, logger, metrics);
  const producer = new AuditProducer(config, redis, clock, logger, auditMetrics);
  const log = new DistributedAuditLogService(config, producer, clock, logger, auditMetrics);
  const sink = new AuditSink(config, database);
  const checkpoints = new AuditCheckpoints(config, redis, clock, logger);
  const consumer = new AuditConsumer(config, redis, sink, checkpoints, clock, logger, auditMetrics);
  while (!redis.isReady('main')) await sleep(5);
  await log.onModuleInit();
  return {
    config,
    redis,
    database,
    producer,
    log,
    sink,
    checkpoints,
    consumer,
    close: async () => {
      await consumer.onModuleDestroy();
      await producer.beforeApplicationShutdown();
      await checkpoints.beforeApplicationShutdown();
      redis.onApplicationShutdown();
      await database.onApplicationShutdown();
    },
  };
}

async function serve() {
  const [role, run = ''] = process.argv.slice(2);
  const audit = await openAuditLog(process.env);
  process.once('SIGTERM', () => {
    void audit.close().then(() => process.exit(0));
  });
  if (role === 'sink') audit.consumer.onApplicationBootstrap();
  else produce(audit.log, run);
}

/**
 * @param {DistributedAuditLogService} log
 * @param {string} run
 */
function produce(log, run) {
  let [next, wanted, inHand] = [0, 0, 0];
  /** @type {number[]} */
  let acknowledged = [];
  const tell = () => {
    process.stdout.write(`${acknowledged.join(' ')};\n`);
    acknowledged = [];
  };
  const go = () => {
    for (; next < wanted && inHand < IN_FLIGHT; next += 1) {
      const n = next;
      inHand += 1;
      void log
        .record({
          class: 'security',
          actor: 'user:0193f3a0-0000-7000-8000-000000000000',
          action: 'thing.changed',
          resource: `thing:${run}-${String(n % RESOURCES)}`,
          after: { n, status: 'paid', totalMinor: 1999 },
          origin: { requestId: `${run}.${String(n)}`, traceId: null, ip: '192.0.2.1' },
        })
        .then((receipt) => {
          inHand -= 1;
          if (acknowledged.length === 0) setImmediate(tell);
          // What is only in memory, or dropped, was promised to nobody: another one instead.
          if (receipt === 'redis' || receipt === 'disk') acknowledged.push(n);
          else wanted += 1;
          go();
        });
    }
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    wanted += Number(line);
    go();
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve();
