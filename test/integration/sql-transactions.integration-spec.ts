import { newId } from '../../src/common/ids.js';
import { StockRepository } from '../../src/modules/inventory/index.js';
import { DatabaseUnderTest } from '../support/database-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';

describe('a transaction of two round trips', () => {
  let services: TestServices;
  let shop: Shop;
  let database: DatabaseUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    await shop.rows('CREATE TABLE noted (id integer PRIMARY KEY)');
    // One connection: what one transaction leaves behind on it the next one meets.
    database = await DatabaseUnderTest.open(
      { url: services.databaseUrl },
      { DATABASE_WRITE_POOL_SIZE: '1', DATABASE_READ_POOL_SIZE: '1' },
    );
  });

  afterAll(async () => {
    await database.close();
    await shop.close();
    await services.close();
  });

  const note = (...ids: number[]) =>
    database.service.sqlTransactionAfter(
      (transaction) => transaction.query<{ count: number }>('SELECT count(*)::integer AS count FROM noted'),
      async (transaction, [before]) => {
        await Promise.all(ids.map((id) => transaction.execute('INSERT INTO noted VALUES ($1)', [id])));
        return before?.count;
      },
    );
  const noted = async () =>
    (await shop.rows<{ id: number }>('SELECT id FROM noted ORDER BY id')).map(({ id }) => id);

  it('has no effect when any of its statements fails, although COMMIT is on its way, and the connection goes on', async () => {
    await note(1);
    await expect(note(2, 1, 3)).rejects.toMatchObject({ code: '23505' });
    expect(await noted()).toEqual([1]);
    const { result, position } = await note(4);
    expect(result).toBe(1);
    expect(position).toBeGreaterThan(0n);
    expect(await noted()).toEqual([1, 4]);
  });

  it('has no effect when the process fails between two of its statements', async () => {
    const before = await noted();
    const build = async (): Promise<void> => {
      await Promise.resolve();
      throw new Error('cannot be built');
    };
    const failing = database.service.sqlTransactionAfter(
      (transaction) => transaction.query('SELECT 1'),
      (transaction) => Promise.all([transaction.execute('INSERT INTO noted VALUES (7)'), build()]),
    );
    await expect(failing).rejects.toThrow('cannot be built');
    expect(await noted()).toEqual(before);
  });

  it('has no effect when what it looks at fails', async () => {
    let hasActed = false;
    const failing = database.service.sqlTransactionAfter(
      (transaction) => transaction.query('SELECT 1 / (SELECT 0)'),
      () => {
        hasActed = true;
        return Promise.resolve();
      },
    );
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    expect(hasActed).toBe(false);
  });

  it('refuses a statement that comes behind COMMIT, where it would stand alone', async () => {
    const late = database.service.sqlTransactionAfter(
      (transaction) => transaction.query('SELECT 1'),
      async (transaction) => {
        await transaction.execute('INSERT INTO noted VALUES (5)');
        await transaction.execute('INSERT INTO noted VALUES (6)');
      },
    );
    await expect(late).rejects.toThrow('behind the COMMIT');
    expect(await noted()).not.toContain(6);
  });

  it('takes all back when stock cannot give what is asked of it', async () => {
    const [plenty, few] = [await shop.createVariant(10), await shop.createVariant(2)];
    const stock = new StockRepository(database.service);
    const reserve = (quantity: number) =>
      database.service.sqlTransactionAfter(
        (transaction) => stock.lockOffers(transaction, [plenty, few]),
        (transaction) =>
          stock.move(
            transaction,
            'reserve',
            [plenty, few].map((variantId) => ({ orderId: newId(), variantId, quantity })),
          ),
      );
    await expect(reserve(3)).rejects.toMatchObject({
      code: '23514',
      message: `stock of ${few} cannot reserve what was asked of it`,
    });
    expect(await shop.stockOf(plenty)).toEqual({ onHand: 10, reserved: 0 });
    expect(await shop.ledgerOf(plenty)).toEqual({ onHand: 10, reserved: 0 });

    const { result } = await reserve(2);
    expect(result).toHaveLength(2);
    expect(result).toContainEqual(
      expect.objectContaining({ variantId: few, available: 0, crossedZero: true }),
    );
    expect(await shop.stockOf(few)).toEqual({ onHand: 2, reserved: 2 });
  });
});
