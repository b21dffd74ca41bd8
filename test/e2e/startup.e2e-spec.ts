import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { findFreePort } from '../../scripts/services/ports.mjs';
import { newId } from '../../src/common/ids.js';
import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const ENTRY = join(import.meta.dirname, '../../dist/main.js');

describe('a process that starts', () => {
  let services: TestServices;

  beforeAll(async () => {
    services = await startTestServices();
  });

  afterAll(async () => {
    await services.close();
  });

  /** Runs the built application until it ends by itself. */
  async function run(env: Record<string, string>): Promise<{ code: number | null; errors: string }> {
    const child = spawn(process.execPath, [ENTRY], {
      env: { PATH: process.env['PATH'], ...testEnvironment(services), HOST: '127.0.0.1', ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    await once(child, 'close');
    return { code: child.exitCode, errors };
  }

  it.each(['127.0.0.1', 'localhost'])(
    'without PostgreSQL on %s gives up at its deadline with one clear line',
    async (host) => {
      const nobody = String(await findFreePort());
      const startedMs = performance.now();
      const { code, errors } = await run({
        DATABASE_URL: `postgresql://caudal:secret@${host}:${nobody}/caudal`,
        DATABASE_REPLICA_URLS: '',
        STARTUP_DEADLINE_MS: '1000',
      });
      expect(code).toBe(1);
      expect(errors).toMatch(/^caudal: PostgreSQL did not answer within 1 s: .*ECONNREFUSED.*\n$/);
      expect(errors).not.toContain('secret');
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1000);
    },
  );

  it('with settings that cannot be used names each of them on a line', async () => {
    const { code, errors } = await run({ PORT: 'abc', ROLE: 'boss', ORDER_LINES_MAX: '0' });
    expect(code).toBe(1);
    expect(
      errors
        .trim()
        .split('\n')
        .map((line) => /^caudal: ([A-Z_]+): /.exec(line)?.[1])
        .sort(),
    ).toEqual(['ORDER_LINES_MAX', 'PORT', 'ROLE']);
  });

  it('on a port that is taken says so on one line', async () => {
    const taken = new URL(services.redis.url).port;
    const { code, errors } = await run({ PORT: taken, MANAGEMENT_PORT: String(await findFreePort()) });
    expect(code).toBe(1);
    expect(errors).toMatch(new RegExp(`^caudal: .*EADDRINUSE.*${taken}\\n$`));
  });

  it('without Redis warns, serves the catalogue and sells', async () => {
    const shop = new Shop(services.databaseUrl);
    // A catalogue without a price has nothing to list.
    await shop.createVariant(1);
    await services.waitForReplica();
    const process = await AppProcess.start({
      ...testEnvironment(services, { LOG_LEVEL: 'warn' }),
      REDIS_URL: `redis://127.0.0.1:${String(await findFreePort())}`,
    });
    try {
      const [buyer, variantId] = [await shop.createBuyer(), await shop.createVariant(1)];
      const api = new ApiClient(process.url);
      expect((await api.get('/api/v1/products')).status).toBe(200);
      const order = await api.post('/api/v1/orders', {
        token: buyer.token,
        key: newId(),
        body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
      });
      expect(order.status).toBe(201);
      await waitFor('the warning', () => process.log.includes('Redis is not reachable; running degraded'));
      expect(await process.stop()).toBe(0);
    } finally {
      await process.stop('SIGKILL');
      await shop.close();
    }
  });
});
