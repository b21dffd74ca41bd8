import { endWhenCrashed } from './bootstrap/crash.js';
import { createApplication } from './bootstrap/create-application.js';
import { describeOpen, shutDown, type ShutdownPlan } from './bootstrap/graceful-shutdown.js';
import { RequestDeadlines } from './bootstrap/http/request-deadlines.js';
import { createManagementServer } from './bootstrap/management-server.js';
import { runPreFlight } from './bootstrap/pre-flight/run-pre-flight.js';
import { listenToStopSignals } from './bootstrap/stop-signals.js';
import { waitForDatabase } from './bootstrap/wait-for-database.js';
import { Clock, SystemClock } from './common/clock.js';
import { ConfigurationError, loadConfig } from './config/index.js';
import { HealthAnswers, ProcessState } from './core/health/index.js';
import { OptimizedPrismaService } from './infrastructure/database/prisma/index.js';
import { type ErrorReporter, startErrorReports } from './infrastructure/error-reports/index.js';
import { createLogger } from './infrastructure/logging/index.js';
import { Metrics } from './infrastructure/metrics/index.js';
import { activeTracing } from './infrastructure/tracing/index.js';
import { RedisSettingsCheck } from './infrastructure/redis/index.js';

/** In a container: the questions of dist/pre-flight.js first, without a process of their own. */
const PRE_FLIGHT = '--pre-flight';

let reporter: ErrorReporter | null = null;

/** Starts the process, and ends it in order when it is told to. Exit code 0 means that nothing was cut off. */
async function main(): Promise<void> {
  const config = loadConfig();
  const { env } = config;
  if (process.argv.includes(PRE_FLIGHT)) {
    const code = await runPreFlight(config);
    if (code !== 0) process.exit(code);
  }
  const clock = new SystemClock();
  const reports = await startErrorReports(config, clock);
  reporter = reports;
  const logger = createLogger(
    env.LOG_LEVEL,
    1,
    reports === null
      ? null
      : (fields, message) => {
          reports.report(fields, message);
        },
  );
  endWhenCrashed(process, logger, reports);
  if (config.ephemeralSecrets.length > 0) {
    logger.warn(
      { settings: config.ephemeralSecrets },
      'secrets are not configured; this process made its own, which no other process knows and which end with it',
    );
  }

  const app = await createApplication(config, logger, clock);
  const state = app.get(ProcessState);
  const metrics = app.get(Metrics);
  metrics.collectProcessMetrics();
  reports?.expose(metrics);
  const management = createManagementServer(metrics, app.get(HealthAnswers));
  const fastify = app.getHttpAdapter().getInstance();

  let inFlight = 0;
  fastify.server.on('request', (_request, response) => {
    inFlight += 1;
    response.once('close', () => {
      inFlight -= 1;
    });
  });

  const plan: ShutdownPlan = {
    server: fastify.server,
    clock: app.get(Clock),
    delayMs: env.SHUTDOWN_DELAY_MS,
    deadlineMs: env.SHUTDOWN_DEADLINE_MS,
    inFlight: () => inFlight,
    unanswered: () => app.get(RequestDeadlines).unanswered(),
    // Last, so that the spans of the closing are among those that are sent.
    close: () => app.close().finally(() => Promise.all([activeTracing()?.close(), reports?.close()])),
    logger,
  };
  const exit = (code: number): never => {
    logger.flush();
    process.exit(code);
  };
  listenToStopSignals(process, plan.clock, {
    stop: (signal) => {
      logger.info({ signal }, 'draining');
      state.markDraining();
      void shutDown(plan).then((isClean) => {
        management.close();
        management.closeAllConnections();
        logger.info({ isClean }, 'stopped');
        exit(isClean ? 0 : 1);
      });
    },
    force: (signal) => {
      logger.warn({ signal, ...describeOpen(plan) }, 'told to stop again; ending at once');
      exit(1);
    },
  });
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'a promise was rejected and nobody listened');
  });

  await waitForDatabase(app.get(OptimizedPrismaService), env.STARTUP_DEADLINE_MS, logger);
  await app.get(RedisSettingsCheck).run();
  await new Promise<void>((resolve, reject) => {
    management.once('error', reject).listen(env.MANAGEMENT_PORT, env.HOST, resolve);
  });
  if (config.servesApi) await app.listen(env.PORT, env.HOST);
  state.markReady();
  logger.info({ role: env.ROLE, port: env.PORT, managementPort: env.MANAGEMENT_PORT }, 'ready');
}

main().catch((error: unknown) => {
  const lines =
    error instanceof ConfigurationError
      ? error.problems
      : [String(error instanceof Error ? error.message : error)];
  for (const line of lines) process.stderr.write(`caudal: ${line}\n`);
  reporter?.report({ err: error }, 'the process could not start');
  void Promise.resolve(reporter?.close()).finally(() => process.exit(1));
});
