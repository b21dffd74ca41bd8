import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const CROWD = 400;

describe('the crowd behind the last unit', () => {
  let services: TestServices;
  let shop: Shop;
  let processes: [AppProcess, AppProcess];
  let buyers: Buyer[];
  let variantId: string;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    const environment = testEnvironment(services, { SOLD_OUT_HINT_TTL_MS: '800' });
    processes = [await AppProcess.start(environment), await AppProcess.start(environment)];
    buyers = await shop.createBuyers(CROWD);
    variantId = await shop.createVariant(1);
  });

  afterAll(async () => {
    await Promise.all(processes.map((each) => each.stop()));
    await shop.close();
    await services.close();
  });

  const order = (buyer: Buyer, key: string, process = processes[0]) =>
    new ApiClient(process.url).post('/api/v1/orders', {
      token: buyer.token,
      key,
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
  const refusedByHint = (process: AppProcess) =>
    process.metric('orders_placed_total{outcome="sold-out-hint"}');
  const buyer = (index: number): Buyer => {
    const found = buyers[index];
    if (found === undefined) throw new Error('no such buyer');
    return found;
  };

  it('is turned away without a statement, while the one who got it gets the answer again', async () => {
    const bought = await order(buyer(0), 'lucky');
    expect(bought.status).toBe(201);
    await waitFor('the first refusal by hint', async () => {
      await Promise.all(
        processes.map((process, i) =>
          order(buyer(1), `probe-${String(i)}-${String(Math.random())}`, process),
        ),
      );
      return (await refusedByHint(processes[0])) > 0 && (await refusedByHint(processes[1])) > 0;
    });

    const [hintedBefore, statementsBefore] = [
      await refusedByHint(processes[0]),
      await processes[0].metric('database_statements_total{pool="write"}'),
    ];
    const answers = await Promise.all(buyers.slice(1).map((each) => order(each, 'crowd')));
    const [hinted, statements] = [
      (await refusedByHint(processes[0])) - hintedBefore,
      (await processes[0].metric('database_statements_total{pool="write"}')) - statementsBefore,
    ];
    for (const answer of answers) {
      expect([answer.status, answer.body.code]).toEqual([409, 'ORDER_OUT_OF_STOCK']);
      expect(answer.body.shortages).toEqual([{ variantId, requested: 1, available: 0 }]);
    }
    // Once in a hint's life one batch asks the database, with whoever arrives at that moment in it.
    expect(hinted).toBeGreaterThan(0);
    expect(statements).toBeLessThan(CROWD / 2);

    for (const process of processes) {
      const again = await order(buyer(0), 'lucky', process);
      expect([again.status, again.text]).toEqual([201, bought.text]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    }
  });

  it('sees a unit that comes back within a second, on every process', async () => {
    const admin = await shop.createBuyer('admin');
    const api = new ApiClient(processes[1].url);
    const path = `/api/v1/admin/stock/${variantId}`;
    const { headers } = await api.get(path, { token: admin.token });
    const restocked = await api.request('PUT', path, {
      token: admin.token,
      headers: { 'if-match': headers.get('etag') ?? '' },
      body: { onHand: 3 },
    });
    expect(restocked.status).toBe(200);
    const startedMs = performance.now();
    await Promise.all(
      processes.map((process, i) =>
        waitFor(
          'the unit that came back',
          async () => (await order(buyer(2 + i), 'back', process)).status === 201,
          1500,
        ),
      ),
    );
    expect(performance.now() - startedMs).toBeLessThan(1500);
    expect(await shop.ledgerOf(variantId)).toEqual(await shop.stockOf(variantId));
  });
});
