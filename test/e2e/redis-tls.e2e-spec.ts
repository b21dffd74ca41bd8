import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Redis } from '../../scripts/services/redis.mjs';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { sharedServicesWithTls, startRedisWithTls } from '../support/services/redis-tls.js';
import { createTlsFiles, type TlsFiles } from '../support/services/tls-files.js';
import { SignInClient, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 60_000;

describe('the application with a Redis over TLS', () => {
  let services: TestServices;
  let redis: Redis;
  let files: TlsFiles;
  let env: Record<string, string>;
  let application: AppProcess | undefined;

  beforeAll(async () => {
    services = await startTestServices();
    const shared = await sharedServicesWithTls();
    files = createTlsFiles(join(shared.directory, `redis-tls-${randomBytes(8).toString('hex')}-files`));
    const { server, url } = await startRedisWithTls(shared, files);
    redis = server;
    env = {
      REDIS_URL: url,
      FEATURE_SESSION_MONITOR: 'true',
      SESSION_MONITOR_INTERVAL_MS: '1000',
      LOG_LEVEL: 'info',
    };
  });

  afterEach(async () => {
    await application?.stop('SIGKILL');
    application = undefined;
  });

  afterAll(async () => {
    await redis.stop();
    await services.close();
  });

  it(
    'trusts the CA that Node is given, in its threads as well',
    async () => {
      const started = (application = await AppProcess.start({
        ...testEnvironment(services, env),
        NODE_EXTRA_CA_CERTS: files.caFile,
      }));
      await waitForSessionStore(started.url);
      const person = new SignInClient(started.url);
      await person.register();
      expect((await person.refresh()).status).toBe(200);
      const monitored = 'session_monitor_runs_total{outcome="published"}';
      await waitFor('a run of the monitor', async () => (await started.metric(monitored)) > 0, DEADLINE_MS);
      expect(await started.stop()).toBe(0);
    },
    2 * DEADLINE_MS,
  );

  it(
    'says that it does not trust a certificate, and starts without Redis',
    async () => {
      const started = (application = await AppProcess.start(testEnvironment(services, env)));
      const complaints = () => started.log.split('\n').filter((line) => line.includes('running degraded'));
      await waitFor('the reason', () => complaints().length > 0, DEADLINE_MS);
      expect(complaints()[0]).toMatch(/certificate/);
      expect((await new SignInClient(started.url).tryToRegister()).status).toBe(503);
    },
    2 * DEADLINE_MS,
  );
});
