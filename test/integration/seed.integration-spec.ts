import { faker } from '@faker-js/faker/locale/en';
import pg from 'pg';
import { runSeed, type SeedReport } from '../../src/bootstrap/seed/run-seed.js';
import { loadConfig } from '../../src/config/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

const ADMIN = { ADMIN_EMAIL: 'root@example.com', ADMIN_PASSWORD: 'correct horse battery' };

describe('the seed', () => {
  let services: TestServices;
  let client: pg.Client;

  beforeAll(async () => {
    services = await startTestServices();
    client = new pg.Client({ connectionString: services.databaseUrl });
    await client.connect();
  });

  beforeEach(async () => {
    await client.query(
      'TRUNCATE users, categories, products, stock_items, stock_movements, outbox_events, outbox_batches CASCADE',
    );
  });

  afterAll(async () => {
    await client.end();
    await services.close();
  });

  const seed = (
    env: Record<string, string> = ADMIN,
    loadFaker = () => Promise.resolve(faker),
  ): Promise<SeedReport> => runSeed(loadConfig(testEnvironment(services, env)), loadFaker, () => undefined);

  const contents = async () => {
    const { rows } = await client.query<Record<string, unknown>>(`
      SELECT (SELECT count(*)::int FROM products) AS products,
        (SELECT count(*)::int FROM variants) AS variants,
        (SELECT count(*)::int FROM prices) AS prices,
        (SELECT count(*)::int FROM stock_items) AS stock,
        (SELECT sum(on_hand)::int FROM stock_items) AS units,
        (SELECT sum(on_hand_delta)::int FROM stock_movements) AS moved,
        (SELECT count(*)::int FROM users WHERE role = 'superadmin') AS admins`);
    return rows[0] ?? {};
  };

  it('fills an empty shop and makes the administrator', async () => {
    const report = await seed();
    expect(report.admin).toBe('created');
    expect(report.variants).toBeGreaterThan(900);
    const shop = await contents();
    expect(shop).toMatchObject({
      products: report.products,
      variants: report.variants,
      stock: report.variants,
      admins: 1,
    });
    expect(shop['prices']).toBe(7 * report.variants);
    expect(shop['moved']).toBe(shop['units']);
  });

  it('does nothing the second time and does not even load what it made the shop with', async () => {
    await seed();
    const before = await contents();
    const report = await seed({ ADMIN_EMAIL: ADMIN.ADMIN_EMAIL }, () =>
      Promise.reject(new Error('not needed')),
    );
    expect(report).toEqual({ products: 0, variants: 0, admin: 'present' });
    expect(await contents()).toEqual(before);
  });

  it('makes one shop and one administrator when several processes start at once', async () => {
    const reports = await Promise.all([seed(), seed(), seed()]);
    expect(reports.filter(({ admin }) => admin === 'created')).toHaveLength(1);
    const shop = await contents();
    expect(shop).toMatchObject({ admins: 1, variants: reports[0].variants });
    expect(shop['moved']).toBe(shop['units']);
  });

  it('finishes what an earlier run had no time for', async () => {
    await seed();
    const whole = await contents();
    await client.query(`
      DELETE FROM stock_movements; DELETE FROM stock_items;
      DELETE FROM products WHERE slug >= 'm' OR slug = 'caudal-enamel-mug'`);
    await seed();
    expect(await contents()).toEqual(whole);
  });

  it('keeps its hands off a shop that has products of its own', async () => {
    await client.query(
      "INSERT INTO products (id, slug, name) VALUES (gen_random_uuid(), 'only-product', 'Only product')",
    );
    expect(await seed({})).toEqual({ products: 0, variants: 0, admin: 'none' });
    expect(await contents()).toMatchObject({ products: 1, variants: 0 });
  });

  it('says that there is no administrator when it has no password to make one with', async () => {
    expect(await seed({ ADMIN_EMAIL: ADMIN.ADMIN_EMAIL })).toMatchObject({ admin: 'absent' });
  });

  it('refuses to encrypt the administrator with a key that ends with the process', async () => {
    await expect(seed({ ...ADMIN, FIELD_ENCRYPTION_KEYS: '', BLIND_INDEX_KEY: '' })).rejects.toThrow(
      'FIELD_ENCRYPTION_KEYS and BLIND_INDEX_KEY must be configured',
    );
  });

  it('says in one line that the database does not answer', async () => {
    await expect(seed({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toThrow(
      'the database of DATABASE_URL does not answer',
    );
  });
});
