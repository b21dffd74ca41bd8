import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { ManualClock } from '../../common/manual-clock.js';
import { loadConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { FeatureFlags } from '../feature-flags/index.js';
import { HealthAnswers } from './health-answers.js';
import type { Finding, HealthCheck } from './health-check.js';
import { HealthChecks } from './health-checks.js';
import { HealthSummary } from './health-summary.js';
import { OptimizedHealthService } from './optimized-health.service.js';
import { ProcessState } from './process-state.js';
import { ProcessVitals } from './process-vitals.js';

/** A dependency that answers, fails or hangs as the test says, and counts how often it is asked. */
class FakeDependency implements HealthCheck {
  calls = 0;
  state: Finding | 'failing' | 'hanging' = 'up';

  constructor(
    readonly name: string,
    readonly group: HealthCheck['group'],
    readonly isCritical: boolean,
  ) {}

  readonly run = (signal: AbortSignal): Promise<Finding> => {
    this.calls += 1;
    switch (this.state) {
      case 'up':
      case 'degraded':
        return Promise.resolve(this.state);
      case 'failing':
        return Promise.reject(new Error('connect ECONNREFUSED db-7.internal:5432 password=hunter2'));
      case 'hanging':
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('cancelled'));
          });
        });
    }
  };
}

interface Body {
  readonly status: string;
  readonly ageMs: number;
  readonly details: Record<string, { status: string }>;
}

describe('the health report', () => {
  let terminus: INestApplicationContext;
  let vitals: ProcessVitals;
  let clock: ManualClock;
  let state: ProcessState;
  let health: OptimizedHealthService;
  let answers: HealthAnswers;
  let primary: FakeDependency;
  let replicas: FakeDependency;
  let cache: FakeDependency;

  beforeAll(async () => {
    terminus = await NestFactory.createApplicationContext(TerminusModule.forRoot({ logger: false }), {
      logger: false,
    });
    vitals = new ProcessVitals();
  });

  afterAll(async () => {
    vitals.onModuleDestroy();
    await terminus.close();
  });

  beforeEach(async () => {
    const config = loadConfig({
      DATABASE_URL: 'postgres://u:p@db-7.internal/x',
      HEALTH_CHECK_DEADLINE_MS: '20',
    });
    clock = new ManualClock(1_000_000);
    state = new ProcessState();
    state.markReady();
    const checks = new HealthChecks();
    primary = new FakeDependency('database-primary', 'database', true);
    replicas = new FakeDependency('database-replicas', 'database', false);
    cache = new FakeDependency('redis-cache', 'redis', false);
    for (const each of [primary, replicas, cache]) checks.register(each);
    const summary = new HealthSummary(
      await terminus.resolve(HealthCheckService),
      terminus.get(HealthIndicatorService),
    );
    const metrics = new Metrics();
    health = new OptimizedHealthService(checks, summary, config, clock, state, metrics);
    answers = new HealthAnswers(config, state, health, vitals, new FeatureFlags(config, metrics));
  });

  const ask = async (): Promise<{ status: number; body: Body }> => {
    const { status, body } = await answers.summary();
    return { status, body: JSON.parse(body) as Body };
  };
  /** The refresh that the next report is made of. */
  const refresh = async (times = 1): Promise<void> => {
    for (let turn = 0; turn < times; turn += 1) await health.refresh();
  };

  it('says one word for each group, in the form of terminus', async () => {
    const { status, body } = await ask();
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'ok',
      ageMs: 0,
      info: { database: { status: 'up' }, redis: { status: 'up' } },
      error: {},
      details: { database: { status: 'up' }, redis: { status: 'up' } },
    });
  });

  it('is one report for ten thousand probes, and one call of each dependency', async () => {
    const all = await Promise.all(Array.from({ length: 10_000 }, ask));
    expect(all.every(({ status }) => status === 200)).toBe(true);
    expect([primary.calls, replicas.calls, cache.calls]).toEqual([1, 1, 1]);
    clock.advance(1001);
    await Promise.all(Array.from({ length: 10_000 }, ask));
    await health.refresh();
    expect(primary.calls).toBe(2);
  });

  it('tells a stale report with its age at once, while a new one is made', async () => {
    await refresh();
    primary.state = 'hanging';
    clock.advance(5000);
    const report = health.report();
    expect(report).not.toBeInstanceOf(Promise);
    expect((await ask()).body.ageMs).toBe(5000);
    expect(primary.calls).toBe(2);
  });

  it('waits for a new report rather than tell one that is older than 15 s', async () => {
    await refresh();
    clock.advance(15_001);
    expect((await ask()).body.ageMs).toBe(0);
    expect(primary.calls).toBe(2);
  });

  it('is 503 without a critical dependency, 200 and degraded without an optional one', async () => {
    await refresh();
    cache.state = replicas.state = 'failing';
    await refresh(2);
    expect(await ask()).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        details: { database: { status: 'degraded' }, redis: { status: 'degraded' } },
      },
    });
    primary.state = 'failing';
    await refresh(2);
    expect(await ask()).toMatchObject({
      status: 503,
      body: { status: 'error', details: { database: { status: 'down' }, redis: { status: 'degraded' } } },
    });
  });

  it('bears one odd answer, believes the second, and wants two good ones to come back', async () => {
    await refresh();
    const statuses: number[] = [];
    for (const each of ['failing', 'up', 'hanging', 'failing', 'up', 'up'] as const) {
      primary.state = each;
      await refresh();
      statuses.push((await ask()).status);
    }
    expect(statuses).toEqual([200, 200, 200, 503, 503, 200]);
  });

  it('asks all dependencies at once and waits for none longer than the deadline', async () => {
    for (const each of [primary, replicas, cache]) each.state = 'hanging';
    const startMs = performance.now();
    await refresh();
    // Three deadlines one after another would take 60 ms.
    expect(performance.now() - startMs).toBeLessThan(55);
    expect((await ask()).status).toBe(503);
  });

  it('never moves readiness or liveness, which ask nothing', async () => {
    for (const each of [primary, replicas, cache]) each.state = 'failing';
    await refresh(3);
    const calls = primary.calls;
    expect([answers.live().status, answers.ready().status, answers.startup().status]).toEqual([
      200, 200, 200,
    ]);
    expect(primary.calls).toBe(calls);
  });

  it('shows nothing of hosts, errors or components in the summary, and no secret in the details', async () => {
    primary.state = 'failing';
    await refresh(2);
    const summary = (await answers.summary()).body;
    expect(summary).not.toMatch(/internal|hunter2|ECONN|primary|5432/);
    const details = (await answers.details()).body;
    expect(details).not.toMatch(/internal|hunter2|ECONN/);
    expect(JSON.parse(details)).toMatchObject({
      status: 'error',
      components: {
        'database-primary': { status: 'down', isCritical: true, reason: 'failed', failuresInARow: 2 },
      },
      features: expect.any(Object) as object,
      process: { role: 'all', phase: 'ready', heapUsedBytes: expect.any(Number) as number },
    });
  });

  it('while the process drains is 503, live stays 200 and ready is off', async () => {
    await refresh();
    expect(answers.process().status).toBe(200);
    state.markDraining();
    expect(await ask()).toMatchObject({ status: 503, body: { status: 'shutting_down' } });
    expect(
      [answers.live(), answers.ready(), answers.startup(), answers.process()].map(({ status }) => status),
    ).toEqual([200, 503, 200, 503]);
  });

  it('refuses two checks of one name', () => {
    const checks = new HealthChecks();
    checks.register(primary);
    expect(() => {
      checks.register(new FakeDependency('database-primary', 'redis', false));
    }).toThrow('database-primary');
  });
});

describe('a process that starts', () => {
  it('is neither ready nor started, but live', () => {
    const state = new ProcessState();
    const answers = new HealthAnswers(
      loadConfig({ DATABASE_URL: 'postgres://localhost/x' }),
      state,
      null as unknown as OptimizedHealthService,
      null as unknown as ProcessVitals,
      null as unknown as FeatureFlags,
    );
    expect([answers.live(), answers.ready(), answers.startup()].map(({ status }) => status)).toEqual([
      200, 503, 503,
    ]);
  });
});
