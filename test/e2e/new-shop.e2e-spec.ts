import { startApp, testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { query } from '../support/services/test-database.js';
import { runScript } from '../support/shell-script.js';

const ADMIN = { ADMIN_EMAIL: 'owner@shop.example', ADMIN_PASSWORD: 'correct horse battery staple' };

describe('a shop from an empty database', () => {
  let services: TestServices;
  let databaseUrl: string;

  beforeAll(async () => {
    services = await startTestServices();
    const name = `${new URL(services.databaseUrl).pathname.slice(1)}_new`;
    const owner = new URL(services.databaseUrl).username;
    await query(services.superuserUrl, [`CREATE DATABASE "${name}" OWNER "${owner}"`]);
    databaseUrl = withDatabase(services.databaseUrl, name);
  });
  afterAll(async () => {
    await query(services.superuserUrl, [
      `DROP DATABASE "${new URL(databaseUrl).pathname.slice(1)}" WITH (FORCE)`,
    ]);
    await services.close();
  });

  it('is made by db-init.sh, kept by a second run, and walked through by smoke.sh', async () => {
    const env = testEnvironment(
      { ...services, databaseUrl, replicaUrl: '' },
      { ...ADMIN, LOG_LEVEL: 'warn' },
    );
    const first = await runScript('db-init.sh', [], env);
    expect([first.code, first.errors]).toEqual([0, '']);
    expect(first.out).toContain('administrator: created');
    const second = await runScript('db-init.sh', [], env);
    expect([second.code, second.errors]).toEqual([0, '']);
    expect(second.out).toMatch(/the database is up to date[^]*kept as it is[^]*administrator: present/);

    const application = await startApp({ services: { ...services, databaseUrl, replicaUrl: '' } });
    try {
      const smoke = await runScript('smoke.sh', [application.url]);
      expect([smoke.code, smoke.errors]).toEqual([0, '']);
      expect(smoke.out).toContain('✓ order reads as paid');
      const unpaid = await runScript('smoke.sh', [application.url, '--no-payment']);
      expect([unpaid.code, unpaid.errors]).toEqual([0, '']);
      const orders = await query(databaseUrl, ['SELECT status FROM orders ORDER BY status']);
      expect(orders.map(({ status }) => status)).toEqual(['cancelled', 'paid']);
    } finally {
      await application.close();
    }
  });
});

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
