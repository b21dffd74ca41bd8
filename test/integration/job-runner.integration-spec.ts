import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { JobRunner } from '../../src/core/jobs/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const HOUR_MS = 3_600_000;

describe('background jobs', () => {
  let services: TestServices;
  let database: OptimizedPrismaService;
  let jobs: JobRunner;

  beforeEach(async () => {
    services = await startTestServices();
    const config = loadConfig(testEnvironment(services));
    const [clock, logger, metrics] = [new SystemClock(), createLogger('silent'), new Metrics()];
    database = new OptimizedPrismaService(config, logger, metrics);
    jobs = new JobRunner(config, database, clock, logger, metrics);
  });

  afterEach(async () => {
    await database.onApplicationShutdown();
    await services.close();
  });

  it.each([true, false])(
    'end with the run that is under way, not with the pause behind it (lease: %s)',
    async (isSingleton) => {
      let finish: (() => void) | null = null;
      let runs = 0;
      jobs.register({
        name: 'slow',
        intervalMs: HOUR_MS,
        isSingleton,
        run: () =>
          new Promise((resolve) => {
            runs += 1;
            finish = () => {
              resolve(false);
            };
          }),
      });
      jobs.onApplicationBootstrap();
      await waitFor('the run', () => finish !== null);
      const ended = jobs.onModuleDestroy();
      finish!();
      await ended;
      expect(runs).toBe(1);
    },
    20_000,
  );
});
