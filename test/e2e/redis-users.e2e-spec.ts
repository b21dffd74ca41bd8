import { ApiClient } from '../support/api-client.js';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { onServer } from '../support/redis-faults.js';
import { createUsers, takeDenials, urlOf } from '../support/redis-users.js';
import { type Redis, startTestServices, type TestServices } from '../support/services/index.js';
import { ADDRESS, type Buyer, Shop } from '../support/shop.builder.js';
import { SignInClient, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

const ORDERS = '/api/v1/orders';
const ADMIN = '/api/v1/admin';
const BREAKER = `${ADMIN}/circuit-breakers/payments-test`;
const DEADLINE_MS = 60_000;

/** Whether it works is asked of a server with users that have the rights of docs/operations.md, and no others. */
describe('with the users of the operations page', () => {
  let services: TestServices;
  let shop: Shop;
  let application: AppProcess | undefined;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
  });

  afterEach(async () => {
    await application?.stop('SIGKILL');
    application = undefined;
  });

  afterAll(async () => {
    await shop.close();
    await services.close();
  });

  const start = async (redis: Redis): Promise<AppProcess> =>
    AppProcess.start(
      testEnvironment(services, {
        REDIS_URL: urlOf('caudal-main', redis.url),
        REDIS_RATE_LIMIT_URL: urlOf('caudal-rate-limit', redis.url),
        REDIS_SESSION_URL: urlOf('caudal-sessions', redis.url),
        REDIS_CACHE_URL: urlOf('caudal-cache', redis.url),
        REDIS_ALLOW_UNSAFE_SETTINGS: 'false',
        RATE_LIMIT_ENABLED: 'true',
        FEATURE_SESSION_MONITOR: 'true',
        SESSION_MONITOR_INTERVAL_MS: '1000',
        CIRCUIT_BREAKER_POLL_MS: '200',
        LOG_LEVEL: 'info',
      }),
    );
  const order = async (api: ApiClient, buyer: Buyer, variantId: string): Promise<string> => {
    const { status, body } = await api.post(ORDERS, {
      token: buyer.token,
      key: crypto.randomUUID(),
      body: { lines: [{ variantId, quantity: 1 }], shippingAddress: ADDRESS },
    });
    expect([status, body]).toMatchObject([201, {}]);
    return String(body['id']);
  };
  const pay = async (api: ApiClient, buyer: Buyer, orderId: string): Promise<void> => {
    const { status } = await api.post(`${ORDERS}/${orderId}/payments`, {
      token: buyer.token,
      key: crypto.randomUUID(),
      body: { provider: 'test', token: 'tok_success' },
    });
    expect(status).toBe(201);
  };

  it(
    'the whole application works, and asks for nothing that it may not do',
    async () => {
      const { redis } = services;
      await createUsers(redis.url);
      await onServer(redis.url, (server) => server.config('SET', 'appendonly', 'yes'));
      const started = (application = await start(redis));
      const { url } = started;
      const api = new ApiClient(url);
      const [admin, buyer] = [await shop.createBuyer('admin'), await shop.createBuyer()];
      await waitForSessionStore(url);

      const person = new SignInClient(url);
      const { user } = await person.register();
      expect((await person.refresh()).status).toBe(200);
      expect((await person.logIn(user.email)).status).toBe(200);
      const { accessToken } = (await person.refresh()).body;
      expect((await person.get('/api/v1/me/sessions', { token: String(accessToken) })).status).toBe(200);
      expect((await person.logIn(user.email, 'not the password')).status).toBe(401);
      expect((await person.logOut()).status).toBe(204);

      const variantId = await shop.createVariant(1);
      await pay(api, buyer, await order(api, buyer, variantId));
      for (let time = 0; time < 3; time += 1)
        expect((await api.get(`/api/v1/products?limit=${String(time + 1)}`)).status).toBe(200);
      expect((await api.put(BREAKER, { token: admin.token, body: { mode: 'forced_open' } })).status).toBe(
        200,
      );
      expect((await api.put(BREAKER, { token: admin.token, body: { mode: 'automatic' } })).status).toBe(200);

      const grown = (name: string) =>
        waitFor(name, async () => (await started.metric(name)) > 0, DEADLINE_MS);
      await grown('audit_sent_total{to="redis"}');
      await grown('events_published_total');
      await grown('circuit_breaker_redis_commands_total');
      await grown('rate_limiter_live_pods');
      await grown('session_monitor_runs_total{outcome="published"}');
      await waitFor(
        'the audit log',
        async () => (await shop.rows('SELECT 1 FROM audit_entries')).length > 3,
        DEADLINE_MS,
      );
      await waitFor(
        'the trust in admission notes',
        async () => (await shop.rows('SELECT 1 FROM admission_state WHERE epoch IS NOT NULL')).length === 1,
        DEADLINE_MS,
      );
      expect((await api.get(`${ADMIN}/sessions/statistics`, { token: admin.token })).status).toBe(200);
      expect(await started.metric('rate_limiter_fallback_total')).toBe(0);
      expect(await started.metric('cache_redis_failures_total')).toBe(0);
      expect(await started.stop()).toBe(0);

      // The library names itself where the server knows how, and does without where it may not.
      const denials = (await takeDenials(redis.url)).filter((denial) => !/client\|setinfo/i.test(denial));
      expect(denials).toEqual([]);
      expect(started.log).not.toMatch(/NOPERM|is forbidden|"level":"error"|"level":50/);
      // Nor could it do anything else: a neighbour's data is not within reach.
      const stranger = urlOf('caudal-cache', redis.url);
      await expect(onServer(stranger, (server) => server.get('caudal:limit:pods:{x}'))).rejects.toThrow(
        /NOPERM/,
      );
      await expect(onServer(stranger, (server) => server.flushall())).rejects.toThrow(/NOPERM/);
    },
    2 * DEADLINE_MS,
  );

  it(
    'without INFO and CONFIG it says what it does not know, and goes on',
    async () => {
      const redis = await services.startAnotherRedis();
      await createUsers(redis.url, '-info');
      const started = (application = await start(redis));
      const api = new ApiClient(started.url);
      await waitForSessionStore(started.url);
      for (const role of ['main', 'rateLimit', 'sessions'])
        await waitFor(`a line for ${role}`, () =>
          started.log.includes(`Redis of ${role}: INFO is forbidden`),
        );
      const buyer = await shop.createBuyer();
      await pay(api, buyer, await order(api, buyer, await shop.createVariant(1)));
      await new SignInClient(started.url).register();
      const health = async () =>
        ((await api.get('/health')).body['details'] as { redis: { status: string } }).redis.status;
      await waitFor('its health', async () => (await health()) === 'up', DEADLINE_MS);
      // It is asked with each new connection, not again and again.
      const infos = () =>
        onServer(redis.url, async (server) => {
          const info = await server.info('all');
          const field = (name: RegExp) => Number(name.exec(info)?.[1]);
          return {
            seconds: field(/uptime_in_seconds:(\d+)/),
            refused: field(/cmdstat_info:.*rejected_calls=(\d+)/),
          };
        });
      const before = await infos();
      expect(before.refused).toBeGreaterThan(0);
      await waitFor('two seconds of the server', async () => (await infos()).seconds >= before.seconds + 2);
      expect((await infos()).refused - before.refused).toBeLessThan(10);
    },
    2 * DEADLINE_MS,
  );
});
