import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { loadConfig } from '../../src/config/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { StockRepository } from '../../src/modules/inventory/stock.repository.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';

describe('the partitions of the ledger', () => {
  let services: TestServices;
  let shop: Shop;
  let database: OptimizedPrismaService;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    database = new OptimizedPrismaService(
      loadConfig(testEnvironment(services)),
      createLogger('silent'),
      new Metrics(),
    );
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await shop.close();
    await services.close();
  });

  it('leave an opening balance behind when a month is detached, so that the ledger still sums to the stock', async () => {
    const variantId = await shop.createVariant(40);
    await shop.rows("SELECT ensure_partition('stock_movements', '2020-01-01Z', '2020-02-01Z', '202001')");
    await shop.rows(
      `INSERT INTO stock_movements (id, variant_id, kind, on_hand_delta, reserved_delta, occurred_at)
       VALUES (gen_random_uuid(), $1, 'adjustment', 12, 0, '2020-01-10Z'),
              (gen_random_uuid(), $1, 'reserve', 0, 2, '2020-01-11Z'), (gen_random_uuid(), $1, 'sale', -2, -2, '2020-01-12Z')`,
      [variantId],
    );
    await shop.rows('UPDATE stock_items SET on_hand = on_hand + 10 WHERE variant_id = $1', [variantId]);
    const before = await shop.ledgerOf(variantId);
    expect(before).toEqual(await shop.stockOf(variantId));

    const stock = new StockRepository(database);
    await shop.rows("SELECT ensure_partition('stock_movements', '2020-02-01Z', '2020-03-01Z', '202002')");
    await database.sqlTransaction((transaction) =>
      stock.detachLedger(transaction, 'stock_movements_202001', new Date('2020-02-01T00:00:00Z')),
    );

    expect(await shop.ledgerOf(variantId)).toEqual(before);
    const openings = await shop.rows(
      "SELECT on_hand_delta, reserved_delta, id FROM stock_movements WHERE variant_id = $1 AND kind = 'opening'",
      [variantId],
    );
    expect(openings).toMatchObject([{ on_hand_delta: 10, reserved_delta: 0 }]);
    const [kept] = await shop.rows<{ count: number }>(
      'SELECT count(*)::integer AS count FROM stock_movements_202001',
    );
    expect(kept?.count).toBe(3);
    const newestFirst = await stock.listMovements(variantId, { beforeId: null, limit: 10 }, 'primary');
    expect(newestFirst.at(-1)?.kind).toBe('opening');
  });
});
