import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';
const MINIMUM_CALLS = 4;

describe('the circuit breaker of real processes', () => {
  let services: TestServices;
  let shop: Shop;
  let buyer: Buyer;
  let processes: [AppProcess, AppProcess];

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    buyer = await shop.createBuyer();
    const start = () =>
      AppProcess.start(
        testEnvironment(services, {
          PAYMENT_PROVIDER_TIMEOUT_MS: '2000',
          CIRCUIT_BREAKER_MINIMUM_CALLS: String(MINIMUM_CALLS),
          CIRCUIT_BREAKER_OPEN_MS: '500',
          CIRCUIT_BREAKER_OPEN_MAX_MS: '500',
          CIRCUIT_BREAKER_PROBES: '1',
          CIRCUIT_BREAKER_QUORUM: '1',
          PAYMENT_RECONCILE_AFTER_MS: '3600000',
        }),
      );
    processes = await Promise.all([start(), start()]);
  });

  afterAll(async () => {
    await Promise.all(processes.map((each) => each.stop('SIGKILL')));
    await shop.close();
    await services.close();
  });

  const pay = async (application: AppProcess, token: string) => {
    const api = new ApiClient(application.url);
    const variantId = await shop.createVariant(5);
    const { body } = await api.post(ORDERS, {
      token: buyer.token,
      key: crypto.randomUUID(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    return api.post(`${ORDERS}/${String(body.id)}/payments`, {
      token: buyer.token,
      key: crypto.randomUUID(),
      body: { provider: 'test', token },
    });
  };
  const isIn = async (application: AppProcess, state: string) =>
    (await application.metric(`circuit_breaker_state{breaker="payments-test",state="${state}"}`)) === 1;

  it('recovers although the process that probes is killed in the middle of its probe', async () => {
    const [prober, survivor] = processes;
    for (let i = 0; i < MINIMUM_CALLS; i += 1) await pay(prober, 'tok_outage');
    await waitFor('the open circuit of the other process', () => isIn(survivor, 'open'));

    // The provider takes the probe and is silent; the process dies before its deadline.
    let probe = Promise.resolve<unknown>(undefined);
    await waitFor('the probe', async () => {
      probe = pay(prober, 'tok_timeout').catch(() => undefined);
      await Promise.race([
        probe,
        waitFor('a lease', () => isIn(survivor, 'half_open'), 400).catch(() => undefined),
      ]);
      return isIn(survivor, 'half_open');
    });
    await prober.stop('SIGKILL');
    await probe;
    expect((await pay(survivor, 'tok_success')).body.code).toBe('PAYMENT_PROVIDER_UNAVAILABLE');
    await waitFor(
      'the end of the lost lease',
      async () => (await pay(survivor, 'tok_success')).status === 201,
      15_000,
    );
    expect(await isIn(survivor, 'closed')).toBe(true);
  });
});
