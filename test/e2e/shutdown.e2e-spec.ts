import { newId } from '../../src/common/ids.js';
import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { KeepAliveClient } from '../support/keep-alive-client.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const CONNECTIONS = 32;

const failure = (what: string, status: number, text: string) =>
  `${what}: ${String(status)} ${String((JSON.parse(text) as { code?: string }).code)}`;

describe('a process that is told to stop', () => {
  let services: TestServices;
  let shop: Shop;
  let buyer: Buyer;
  let environment: Record<string, string>;
  const started: AppProcess[] = [];
  const start = async (env: Record<string, string> = {}) => {
    const process = await AppProcess.start({ ...environment, SHUTDOWN_DEADLINE_MS: '8000', ...env });
    started.push(process);
    return process;
  };
  const readiness = async ({ managementUrl }: AppProcess) =>
    (await fetch(`${managementUrl}/health/ready`)).status;
  const orderOf = (variantId: string) => ({
    token: buyer.token,
    key: newId(),
    body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
  });

  beforeAll(async () => {
    services = await startTestServices();
    environment = testEnvironment(services);
    shop = new Shop(services.databaseUrl);
    buyer = await shop.createBuyer();
    // A catalogue without a price has nothing to list.
    await shop.createVariant(1);
    await services.waitForReplica();
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((each) => each.stop('SIGKILL')));
  });

  afterAll(async () => {
    await shop.close();
    await services.close();
  });

  it('under load on keep-alive connections fails no request, loses no order and exits with 0', async () => {
    const [leaving, staying] = [await start(), await start()];
    const variantId = await shop.createVariant(1_000_000);
    const failures: string[] = [];
    const placed: string[] = [];
    let answered = 0;
    let isOver = false;

    const work = async (): Promise<void> => {
      const client = new KeepAliveClient([leaving.url, staying.url]);
      const authorization = `Bearer ${buyer.token}`;
      for (let turn = 0; !isOver; turn += 1) {
        try {
          if (turn % 2 === 0) {
            const { status, text } = await client.send(
              'POST',
              '/api/v1/orders',
              { authorization, 'idempotency-key': newId(), 'content-type': 'application/json' },
              JSON.stringify(orderOf(variantId).body),
            );
            if (status === 201) placed.push((JSON.parse(text) as { id: string }).id);
            else failures.push(failure('order', status, text));
          } else {
            const { status, text } = await client.send('GET', '/api/v1/products', {});
            if (status !== 200) failures.push(failure('products', status, text));
          }
          answered += 1;
        } catch (error) {
          failures.push(String(error));
        }
      }
      client.close();
    };
    const load = Promise.all(Array.from({ length: CONNECTIONS }, work));

    try {
      await waitFor('the load to be on', () => answered > 500);
      const exit = leaving.stop();
      await waitFor(
        'the readiness to be off',
        async () => {
          const answer = await fetch(`${leaving.managementUrl}/health/ready`).catch(() => null);
          return answer === null || answer.status === 503;
        },
        1000,
      );
      expect(await exit).toBe(0);
      const atExit = answered;
      await waitFor('the other process to carry the load', () => answered > atExit + 200);
    } finally {
      isOver = true;
      await load;
    }

    expect([...new Set(failures)]).toEqual([]);
    const rows = await shop.rows<{ id: string }>('SELECT id FROM orders WHERE id = ANY ($1::uuid[])', [
      placed,
    ]);
    expect(rows.length).toBe(placed.length);
    expect((await shop.stockOf(variantId)).reserved).toBe(placed.length);
    expect(await staying.stop()).toBe(0);
  });

  it('answers for SHUTDOWN_DELAY_MS while its readiness is off, on new connections as well', async () => {
    const process = await start({ SHUTDOWN_DELAY_MS: '500' });
    expect(await readiness(process)).toBe(200);
    const signalledMs = performance.now();
    const exit = process.stop();
    await waitFor('the readiness to be off', async () => (await readiness(process)) === 503, 400);
    const { status, headers } = await new ApiClient(process.url).get('/api/v1/products');
    expect([status, headers.get('connection')]).toEqual([200, 'close']);
    expect((await fetch(`${process.url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${process.url}/health/live`)).status).toBe(200);
    expect(await exit).toBe(0);
    expect(performance.now() - signalledMs).toBeGreaterThanOrEqual(500);
  });

  it('finishes the order that the database still decides about', async () => {
    const process = await start();
    const variantId = await shop.createVariant(5);
    await shop.withStockHeld(variantId, async (letGo) => {
      const order = new ApiClient(process.url).post('/api/v1/orders', orderOf(variantId));
      await waitFor('the order to wait for the lock', () => shop.isAnyoneWaitingForALock());
      const exit = process.stop();
      await waitFor('the readiness to be off', async () => (await readiness(process)) === 503);
      await letGo();
      expect((await order).status).toBe(201);
      expect(await exit).toBe(0);
    });
    expect(await shop.stockOf(variantId)).toEqual({ onHand: 5, reserved: 1 });
  });

  describe('while the database does not decide', () => {
    const SLOW = { LOG_LEVEL: 'warn', DATABASE_STATEMENT_TIMEOUT_MS: '60000', ORDER_DEADLINE_MS: '60000' };

    /** Runs with an order that waits for a lock, and for its client that waits for its answer. */
    async function withStuckOrder(
      process: AppProcess,
      work: (order: Promise<{ status: number } | null>) => Promise<void>,
    ): Promise<void> {
      const variantId = await shop.createVariant(5);
      await shop.withStockHeld(variantId, async () => {
        const order = new ApiClient(process.url).post('/api/v1/orders', orderOf(variantId)).catch(() => null);
        await waitFor('the order to wait for the lock', () => shop.isAnyoneWaitingForALock());
        await work(order);
      });
    }

    it('ends at its deadline with 1 and names the requests that it cuts off', async () => {
      const process = await start({ ...SLOW, SHUTDOWN_DEADLINE_MS: '1000', REQUEST_DEADLINE_MS: '60000' });
      await withStuckOrder(process, async (order) => {
        expect(await process.stop()).toBe(1);
        expect(await order).toBeNull();
      });
      expect(process.log).toContain('requests in flight are cut off');
      expect(process.log).toMatch(/"inFlight":1,.*"method":"POST","route":"\/api\/v1\/orders"/);
    });

    it('ends at its deadline with 1 when a batch is open whose client has its 503', async () => {
      const process = await start({ ...SLOW, SHUTDOWN_DEADLINE_MS: '1000', REQUEST_DEADLINE_MS: '100' });
      await withStuckOrder(process, async (order) => {
        expect((await order)?.status).toBe(503);
        expect(await process.stop()).toBe(1);
      });
      expect(process.log).toMatch(/"open":\{.*work that has not ended is cut off/);
    });

    it('answers 503 at the deadline of the request, though it drains', async () => {
      const process = await start({ ...SLOW, REQUEST_DEADLINE_MS: '1500' });
      await withStuckOrder(process, async (order) => {
        process.signal('SIGTERM');
        await waitFor('the readiness to be off', async () => (await readiness(process)) === 503);
        expect((await order)?.status).toBe(503);
      });
      expect(await process.stop('SIGCONT')).toBe(0);
    });

    it('ends at once with 1 when it is told again', async () => {
      const process = await start({ ...SLOW, SHUTDOWN_DEADLINE_MS: '60000', REQUEST_DEADLINE_MS: '60000' });
      await withStuckOrder(process, async () => {
        const exit = process.stop('SIGINT');
        let code: number | null | undefined;
        void exit.then((exitCode) => (code = exitCode));
        await waitFor('the end', () => {
          process.signal('SIGINT');
          return code !== undefined;
        });
        expect(code).toBe(1);
      });
      expect(process.log).toMatch(/"inFlight":1,.*"route":"\/api\/v1\/orders".*ending at once/);
    });
  });

  it('is not held up by connections that are idle', async () => {
    const process = await start();
    const clients = Array.from({ length: 8 }, () => new KeepAliveClient([process.url]));
    for (const client of clients) {
      const { status, closes } = await client.send('GET', '/api/v1/products', {});
      expect([status, closes]).toEqual([200, false]);
    }
    const signalledMs = performance.now();
    expect(await process.stop()).toBe(0);
    expect(performance.now() - signalledMs).toBeLessThan(8000);
    for (const client of clients) client.close();
  });

  it('exits with 0 when it is a worker', async () => {
    const worker = await start({ ROLE: 'worker' });
    expect(await worker.stop()).toBe(0);
  });

  it('exits with 0 when it is told twice, or by Ctrl-C', async () => {
    const process = await start();
    process.signal('SIGTERM');
    expect(await process.stop('SIGINT')).toBe(0);
  });
});
