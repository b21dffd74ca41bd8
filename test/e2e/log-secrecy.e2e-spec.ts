import { randomBytes } from 'node:crypto';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { SignInClient, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const DEADLINE_MS = 60_000;
const ALL_OF_IT = 10_000_000;

describe('the log of a process', () => {
  let services: TestServices;
  let shop: Shop;
  let application: AppProcess;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    application = await AppProcess.start(testEnvironment(services, { LOG_LEVEL: 'trace' }), ALL_OF_IT);
    await waitForSessionStore(application.url);
  }, 2 * DEADLINE_MS);

  afterAll(async () => {
    await application.stop('SIGKILL');
    await shop.close();
    await services.close();
  });

  it(
    'has nothing of a buyer in any line, of what succeeds, of what is refused and of what breaks',
    async () => {
      const mark = randomBytes(6).toString('hex');
      const secrets: Record<string, string> = {
        email: `ada-${mark}@example.com`,
        'name of a person': `Ada ${mark}-name`,
        password: `password ${mark} correct`,
        'wrong password': `password ${mark} wrong`,
        street: `${mark} Riverside Walk`,
        city: `City ${mark}`,
        'card token': `tok_success_${mark}`,
        'idempotency key': `key-${mark}-of-an-order`,
      };
      const address = {
        name: secrets['name of a person'],
        line1: secrets['street'],
        city: secrets['city'],
        postalCode: '1100-148',
        country: 'PT',
      };
      const buyer = new SignInClient(application.url);
      const account = { email: secrets['email'], password: secrets['password'] };
      const { status, body } = await buyer.tryToRegister({ ...account, name: secrets['name of a person'] });
      expect(status).toBe(201);
      const token = String(body['accessToken']);
      secrets['access token'] = token;
      secrets['refresh token'] = buyer.cookie;

      const order = {
        lines: [{ variantId: await shop.createVariant(10), quantity: 1 }],
        shippingAddress: address,
      };
      const place = (
        lines: object,
        key = `${String(secrets['idempotency key'])}-${randomBytes(4).toString('hex')}`,
      ) => buyer.post('/api/v1/orders', { token, key, body: { ...order, ...lines } });
      const placed = await place({});
      const pay = (paymentToken: string) =>
        buyer.post(`/api/v1/orders/${String(placed.body['id'])}/payments`, {
          token,
          key: `pay-${String(secrets['idempotency key'])}-${paymentToken}`,
          body: { provider: 'test', token: paymentToken },
        });
      const statuses = [
        placed.status,
        (await buyer.logIn(account.email ?? '', secrets['wrong password'])).status,
        (await buyer.logIn(account.email ?? '', account.password)).status,
        (await buyer.refresh()).status,
        (await buyer.me(token)).status,
        (await buyer.me(`${token}x`)).status,
        (await place({ lines: [{ variantId: 'none', quantity: 1 }] })).status,
        (
          await buyer.post('/api/v1/orders', {
            token,
            body: `{"shippingAddress": "${String(secrets['street'])}`,
          })
        ).status,
        (await buyer.get(`/api/v1/orders?email=${encodeURIComponent(account.email ?? '')}`, { token }))
          .status,
        (await pay(secrets['card token'] ?? '')).status,
      ];
      expect(statuses).toEqual([201, 401, 200, 200, 200, 401, 400, 400, 400, 400]);
      // What nobody foresaw is logged with its error, which may quote what was asked.
      await shop.withoutOrders(async () => {
        expect((await place({})).status).toBe(500);
      });

      await waitFor(
        'the line of the failure',
        () => application.log.includes('"level":"error"'),
        DEADLINE_MS,
      );
      expect(await application.stop()).toBe(0);
      const lines = application.log.split('\n').filter((line) => line !== '');
      expect(lines.length).toBeGreaterThan(statuses.length);
      for (const [what, secret] of Object.entries(secrets))
        expect([what, lines.filter((line) => line.includes(secret))]).toEqual([what, []]);
    },
    2 * DEADLINE_MS,
  );
});
