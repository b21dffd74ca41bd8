import { newId } from '../../src/common/ids.js';
import { type FleetRequest, restartInTurn } from '../../scripts/load/rolling-restarts.mjs';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, Shop } from '../support/shop.builder.js';

const PROCESSES = 3;
const RESTARTS = 6;
const CLIENTS = 8;
/** Probes of a real balancer come every second or so; here everything goes ten times as fast. */
const PROBE_MS = 100;
const SHUTDOWN_DELAY_MS = 1000;

describe('rolling restarts behind a balancer', () => {
  let services: TestServices;
  let shop: Shop;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
  });

  afterAll(async () => {
    await shop.close();
    await services.close();
  });

  it(`fail no request in ${String(RESTARTS)} of them, and lose no order`, async () => {
    const buyer = await shop.createBuyer();
    const variantId = await shop.createVariant(1_000_000);
    await services.waitForReplica();
    const authorization = `Bearer ${buyer.token}`;
    const body = JSON.stringify({ lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS });
    const environment = testEnvironment(services, { SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS) });
    let turn = 0;
    const outcome = await restartInTurn({
      start: () => AppProcess.start(environment),
      processes: PROCESSES,
      restarts: RESTARTS,
      clients: CLIENTS,
      thinkMs: 20,
      probeMs: PROBE_MS,
      nextRequest: (): FleetRequest => {
        turn += 1;
        switch (turn % 3) {
          case 0:
            return {
              method: 'POST',
              path: '/api/v1/orders',
              headers: { authorization, 'idempotency-key': newId(), 'content-type': 'application/json' },
              body,
            };
          case 1:
            return { method: 'GET', path: '/api/v1/cart', headers: { authorization } };
          default:
            return { method: 'GET', path: '/api/v1/products' };
        }
      },
    });
    expect([...new Set(outcome.failures)]).toEqual([]);
    expect(outcome.ends).toEqual(Array.from({ length: RESTARTS }, () => 0));
    expect(outcome.answers[201]).toBeGreaterThan(RESTARTS);
    expect((await shop.stockOf(variantId)).reserved).toBe(outcome.answers[201]);
  }, 240_000);
});
