import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis as RedisClient } from 'ioredis';
import { findFreePort } from '../../scripts/services/ports.mjs';
import { signAccessToken } from '../support/access-tokens.js';
import { newId } from '../../src/common/ids.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { type Redis, startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const SCRIPT = join(import.meta.dirname, '../../dist/health-check.js');
const PROBES = 1000;

interface Report {
  readonly status: string;
  readonly ageMs: number;
  readonly details: Record<string, { readonly status: string }>;
  readonly components?: Record<string, { readonly status: string; readonly reason: string | null }>;
  readonly features?: Record<string, boolean>;
}

/** Docker's HEALTHCHECK, as Docker runs it. */
async function runHealthCheck(managementPort: number) {
  const startMs = performance.now();
  const child = spawn(process.execPath, [SCRIPT], {
    env: { PATH: process.env['PATH'], MANAGEMENT_PORT: String(managementPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, output, errors, tookMs: performance.now() - startMs };
}

describe('the health of a process', () => {
  let services: TestServices;
  let sessions: Redis;
  let cache: Redis;
  let application: AppProcess;

  const report = async (token?: string): Promise<{ status: number; body: Report; text: string }> => {
    const answer = await fetch(`${application.url}/health`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    const text = await answer.text();
    return { status: answer.status, body: JSON.parse(text) as Report, text };
  };
  const waitForStatus = (status: string) =>
    waitFor(`the report to say ${status}`, async () => (await report()).body.status === status);

  beforeAll(async () => {
    services = await startTestServices();
    [sessions, cache] = [await services.startAnotherRedis(), await services.startAnotherRedis()];
    application = await AppProcess.start({
      ...testEnvironment(services),
      REDIS_SESSION_URL: sessions.url,
      REDIS_CACHE_URL: cache.url,
      REDIS_COMMAND_TIMEOUT_MS: '200',
    });
    await waitForStatus('ok');
  });

  afterAll(async () => {
    await application.stop('SIGKILL');
    await services.close();
  });

  it('is one word for each group to anybody', async () => {
    const { status, body, text } = await report();
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['ageMs', 'details', 'error', 'info', 'status']);
    expect(body.details).toEqual({
      database: { status: 'up' },
      redis: { status: 'up' },
      storage: { status: 'up' },
      process: { status: 'up' },
    });
    for (const url of [services.databaseUrl, sessions.url, services.redis.url])
      for (const part of [new URL(url).hostname, new URL(url).port, new URL(url).password])
        if (part !== '') expect(text).not.toContain(part);
    expect((await fetch(`${application.managementUrl}/health`)).status).toBe(200);
  });

  it('is shown in detail to whoever may read it, and to nobody else', async () => {
    const { body } = await report(signAccessToken(newId(), 'admin'));
    expect(Object.keys(body.components ?? {}).sort()).toEqual(
      expect.arrayContaining([
        'database-primary',
        'database-replicas',
        'process',
        'redis-cache',
        'redis-main',
        'redis-rate-limit',
        'redis-sessions',
      ]),
    );
    expect(body.features).toEqual(expect.any(Object));
    expect((await report(signAccessToken(newId(), 'customer'))).body.components).toBeUndefined();
    expect((await report('forged')).status).toBe(401);
  });

  it('with an optional Redis frozen is degraded but 200, and a storm of probes neither waits nor asks', async () => {
    const client = new RedisClient(services.redis.url);
    const pings = async () => {
      const calls = /cmdstat_ping:calls=(\d+)/.exec(await client.info('commandstats'))?.[1];
      return Number(calls ?? 0);
    };
    cache.kill('SIGSTOP');
    try {
      await waitForStatus('degraded');
      const [before, startMs] = [await pings(), performance.now()];
      const answers = await Promise.all(
        Array.from({ length: PROBES }, async () => {
          const probeMs = performance.now();
          const { status } = await report();
          return { status, tookMs: performance.now() - probeMs };
        }),
      );
      const seconds = (performance.now() - startMs) / 1000;
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      // Main and rate limits share this server: two pings a refresh, and a refresh a second at most.
      expect((await pings()) - before).toBeLessThanOrEqual(2 * Math.ceil(seconds + 1));
      expect((await fetch(`${application.url}/health/ready`)).status).toBe(200);
      expect(await application.metric('health_component_status{component="redis-cache"}')).toBe(0);
    } finally {
      cache.kill('SIGCONT');
      client.disconnect();
    }
    await waitForStatus('ok');
  });

  it('without the sessions is an error, while ready and live stay 200', async () => {
    sessions.kill('SIGSTOP');
    try {
      await waitForStatus('error');
      expect((await report()).status).toBe(503);
      const { components } = (await report(signAccessToken(newId(), 'admin'))).body;
      expect(components?.['redis-sessions']).toMatchObject({ status: 'down' });
      for (const path of ['ready', 'live', 'startup'])
        expect((await fetch(`${application.url}/health/${path}`)).status).toBe(200);
    } finally {
      sessions.kill('SIGCONT');
    }
    await waitForStatus('ok');
  });

  describe('as Docker asks for it', () => {
    it('is 0 with the numbers of the server', async () => {
      const { code, output, errors } = await runHealthCheck(application.managementPort);
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      const vitals = JSON.parse(output) as { status: string; uptimeSeconds: number; rssBytes: number };
      expect(vitals.status).toBe('ready');
      // A script that measured itself would say zero.
      expect(vitals.uptimeSeconds).toBeGreaterThanOrEqual(1);
      expect(vitals.rssBytes).toBeGreaterThan(60_000_000);
    });

    it('is 1 when nobody listens', async () => {
      const { code, errors } = await runHealthCheck(await findFreePort());
      expect(code).toBe(1);
      expect(errors).toMatch(/^unhealthy: .*ECONNREFUSED/);
    });

    it('is 1 within its deadline when the server hangs, and 0 again afterwards', async () => {
      application.signal('SIGSTOP');
      try {
        const { code, errors, tookMs } = await runHealthCheck(application.managementPort);
        expect({ code, errors }).toEqual({ code: 1, errors: 'unhealthy: no answer within 5000 ms\n' });
        expect(tookMs).toBeLessThan(6500);
      } finally {
        application.signal('SIGCONT');
      }
      expect((await runHealthCheck(application.managementPort)).code).toBe(0);
    });

    it('is 1 while the server drains', async () => {
      const draining = await AppProcess.start({ ...testEnvironment(services), SHUTDOWN_DELAY_MS: '3000' });
      const exit = draining.stop();
      await waitFor('the readiness to be off', async () => {
        const answer = await fetch(`${draining.managementUrl}/health/ready`);
        return answer.status === 503;
      });
      const { code, errors } = await runHealthCheck(draining.managementPort);
      expect({ code, errors }).toEqual({ code: 1, errors: 'unhealthy: the server answers 503\n' });
      const answer = await fetch(`${draining.url}/health`);
      expect([answer.status, ((await answer.json()) as Report).status]).toEqual([503, 'shutting_down']);
      for (const path of ['live', 'startup'])
        expect((await fetch(`${draining.url}/health/${path}`)).status).toBe(200);
      expect(await exit).toBe(0);
    });
  });
});
