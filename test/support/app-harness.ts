import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import { TEST_SIGNING_KEY } from './access-tokens.js';
import { createApplication } from '../../src/bootstrap/create-application.js';
import { type Clock, SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { ProcessState } from '../../src/core/health/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { GatewayInFront } from './gateway/gateway-in-front.js';

export interface AppUnderTest {
  readonly app: NestFastifyApplication;
  /** Base of the real HTTP server, without a trailing slash. */
  readonly url: string;
  close(): Promise<void>;
}

interface Addresses {
  readonly databaseUrl: string;
  readonly replicaUrl?: string;
  readonly redis: { readonly url: string };
}

/** Keys that are the same for every application of a test run, as on a real fleet. */
const TEST_SECRETS = {
  FIELD_ENCRYPTION_KEYS: `t1:${Buffer.alloc(32, 1).toString('base64')}`,
  BLIND_INDEX_KEY: Buffer.alloc(32, 2).toString('base64'),
  CURSOR_SIGNING_KEY: Buffer.alloc(32, 3).toString('base64'),
};

/** The environment of an application of the test; also that of one started as a process of its own. */
export function testEnvironment(
  services: Addresses,
  env: Record<string, string> = {},
): Record<string, string> {
  return {
    DATABASE_URL: services.databaseUrl,
    DATABASE_REPLICA_URLS: services.replicaUrl ?? '',
    DATABASE_WRITE_POOL_SIZE: '10',
    DATABASE_READ_POOL_SIZE: '10',
    REDIS_URL: services.redis.url,
    // A busy two-core machine can miss the 50 ms of production without anything being wrong.
    REDIS_COMMAND_TIMEOUT_MS: '1000',
    // Its reads would be counted with those of a test.
    WATCH_INTERVAL_MS: '60000',
    // Neither is its event loop overloaded because others have the cores.
    LOAD_SHEDDING_DELAY_TARGET_MS: '1000',
    // The servers of the tests keep nothing, so that a restart is a loss of data.
    REDIS_ALLOW_UNSAFE_SETTINGS: 'true',
    RATE_LIMIT_ENABLED: 'false',
    // Its thread runs what is built, not what is tested here; its own tests switch it on.
    FEATURE_SESSION_MONITOR: 'false',
    LOG_LEVEL: 'silent',
    ...TEST_SECRETS,
    JWT_PRIVATE_KEY: TEST_SIGNING_KEY,
    ...env,
  };
}

/** The whole application in this process, listening on a free port of the loopback interface. */
export async function startApp(options: {
  readonly services: Addresses;
  readonly env?: Record<string, string>;
  readonly clock?: Clock;
}): Promise<AppUnderTest> {
  const config = loadConfig(testEnvironment(options.services, options.env));
  const app = await createApplication(
    config,
    createLogger(config.env.LOG_LEVEL),
    options.clock ?? new SystemClock(),
  );
  await app.listen(0, '127.0.0.1');
  app.get(ProcessState).markReady();
  const { port } = app.getHttpServer().address() as AddressInfo;
  const gateway = await GatewayInFront.start(port);
  return {
    app,
    url: gateway?.url ?? `http://127.0.0.1:${String(port)}`,
    close: async () => {
      await gateway?.stop();
      // A keep-alive connection that has not quite become idle would hold the close up for its whole life.
      app.getHttpServer().closeAllConnections();
      await app.close();
    },
  };
}
