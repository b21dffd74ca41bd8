import { rmSync } from 'node:fs';
import { AuditHealth } from '../../src/core/audit-log/audit-health.js';
import { AuditMetrics } from '../../src/core/audit-log/audit-log.metrics.js';
import { HealthChecks } from '../../src/core/health/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { waitFor } from '../support/wait-for.js';

describe('the health of the audit log', () => {
  let services: TestServices;
  let audit: AuditLogUnderTest;
  let directory: string;
  let checks: HealthChecks;

  const open = async (env: Record<string, string>): Promise<void> => {
    audit = await AuditLogUnderTest.start(
      services,
      { AUDIT_PARTITIONS: '2', REDIS_COMMAND_TIMEOUT_MS: '300', ...env },
      { consumes: false },
    );
    checks = new HealthChecks();
    const metrics = new AuditMetrics(new Metrics());
    new AuditHealth(audit.config, checks, audit.producer, audit.redis, metrics).onModuleInit();
  };
  const find = async (name: string): Promise<string | undefined> =>
    checks.all.find((check) => check.name === name)?.run(new AbortController().signal);

  beforeEach(async () => {
    services = await startTestServices();
    directory = temporaryFolder('caudal-spool');
  });

  afterEach(async () => {
    await audit.close();
    await services.close();
  });

  it('is degraded by a spool that is nearly full or takes nothing, and never decides about readiness', async () => {
    await open({ AUDIT_SPOOL_DIR: directory, AUDIT_SPOOL_MAX_BYTES: '65536' });
    expect(checks.all.map(({ isCritical }) => isCritical)).toEqual([false, false]);
    expect(await find('audit-spool')).toBe('up');
    services.redis.kill('SIGKILL');
    await waitFor('a spool that is nearly full', async () => {
      await audit.log.record({
        class: 'security',
        actor: 'system:test',
        action: 'thing.changed',
        resource: 'thing:1',
        after: { text: 'x'.repeat(900) },
      });
      return (await find('audit-spool')) === 'degraded';
    });
    expect(audit.producer.spoolBytes).toBeLessThanOrEqual(65_536);
    await services.redis.restart();
    await waitFor('the spool to empty', () => audit.producer.spoolBytes === 0);
    await waitFor('the end of it', async () => (await find('audit-spool')) === 'up');
    rmSync(directory, { recursive: true });
    expect(await find('audit-spool')).toBe('degraded');
  });

  it('is degraded by a spool that could not be opened', async () => {
    await open({ AUDIT_SPOOL_DIR: '/dev/null/spool' });
    expect(await find('audit-spool')).toBe('degraded');
  });

  it('is degraded while entries lie aside, as last known while Redis is away', async () => {
    await open({});
    expect(checks.all.map(({ name }) => name)).toEqual(['audit-dead-letters']);
    expect(await find('audit-dead-letters')).toBe('up');
    const key = redisKeys.auditDead('1');
    await audit.redis.client('main').xadd(key, '*', 'lines', 'nonsense', 'reason', 'a test');
    expect(await find('audit-dead-letters')).toBe('degraded');
    services.redis.kill('SIGSTOP');
    expect(await find('audit-dead-letters')).toBe('degraded');
    services.redis.kill('SIGCONT');
    await waitFor(
      'Redis',
      async () =>
        (await audit.redis
          .client('main')
          .del(key)
          .catch(() => -1)) >= 0,
    );
    await waitFor('the end of it', async () => (await find('audit-dead-letters')) === 'up');
  });
});
