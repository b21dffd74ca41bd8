import { randomUUID } from 'node:crypto';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { signAccessToken } from '../support/access-tokens.js';
import { ApiClient } from '../support/api-client.js';
import { type AppUnderTest, startApp } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { newEmail, PASSWORD, waitForSessionStore } from '../support/sign-in-client.js';
import { waitFor } from '../support/wait-for.js';

/** The SHA-256 of `partner-key`. */
const PARTNER_KEY_HASH = '346e50af211b5135824bb2bb58fe0f9e6df228adcf10c58a37fbc46b57baee74';

describe('the rate limits of the shop', () => {
  let services: TestServices;
  let apps: AppUnderTest[] = [];

  beforeAll(async () => {
    services = await startTestServices();
  });

  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    apps = [];
  });

  afterAll(() => services.close());

  const start = async (env: Record<string, string> = {}): Promise<AppUnderTest> => {
    const app = await startApp({
      services,
      env: { RATE_LIMIT_ENABLED: 'true', TRUST_PROXY_HOPS: '1', ...env },
    });
    apps.push(app);
    await waitForSessionStore(app.url);
    return app;
  };
  const from = (app: AppUnderTest, address: string, headers: Record<string, string> = {}) => ({
    get: (path: string, token?: string) =>
      new ApiClient(app.url).get(path, {
        headers: { 'x-forwarded-for': address, ...headers },
        ...(token === undefined ? {} : { token }),
      }),
    logIn: (email: string, password: string) =>
      new ApiClient(app.url).post('/api/v1/auth/login', {
        headers: { 'x-forwarded-for': address },
        body: { email, password },
      }),
    register: (email: string) =>
      new ApiClient(app.url).post('/api/v1/auth/register', {
        headers: { 'x-forwarded-for': address },
        body: { email, password: PASSWORD, name: 'Ada' },
      }),
  });

  it('are one for all instances of the fleet', async () => {
    const env = { RATE_LIMIT_PER_MINUTE: '10' };
    const [one, two] = [await start(env), await start(env)];
    await waitFor('the instances to know of each other', async () => {
      const texts = await Promise.all([one, two].map(({ app }) => app.get(Metrics).registry.metrics()));
      return texts.every((text) => text.includes('rate_limiter_live_pods 2'));
    });
    const statuses: number[] = [];
    for (let call = 0; call < 12; call += 1)
      statuses.push(
        (await from(call % 2 === 0 ? one : two, '198.51.100.1').get('/api/v1/categories')).status,
      );
    expect(statuses).toEqual([...Array<number>(10).fill(200), 429, 429]);
  });

  it('are each for itself in an instance whose limiter is switched off', async () => {
    const env = { RATE_LIMIT_PER_MINUTE: '5', FEATURE_RATE_LIMITER: 'false' };
    for (const app of [await start(env), await start(env)]) {
      const statuses: number[] = [];
      for (let call = 0; call < 6; call += 1)
        statuses.push((await from(app, '198.51.100.2').get('/api/v1/categories')).status);
      expect(statuses).toEqual([...Array<number>(5).fill(200), 429]);
    }
  });

  it('count a user wherever the requests come from, and tell of both limits in one field', async () => {
    const app = await start({ RATE_LIMIT_USER_PER_MINUTE: '3' });
    const token = signAccessToken(randomUUID());
    const answers = [];
    for (let call = 0; call < 4; call += 1)
      answers.push(await from(app, `198.51.101.${String(call)}`).get('/api/v1/orders', token));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"default";q=1200;w=60, "user";q=3;w=60');
    expect(answers[0]?.headers.get('ratelimit')).toMatch(/^"default";r=1199;t=\d+, "user";r=2;t=\d+$/);
    expect(answers[3]?.body).toMatchObject({ code: 'RATE_LIMITED', policies: ['user'] });
    expect(answers[3]?.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  it('let a policy in shadow mode refuse nobody and not show itself', async () => {
    const app = await start({ RATE_LIMIT_PER_MINUTE: '2', RATE_LIMIT_SHADOW: 'default' });
    for (let call = 0; call < 5; call += 1) {
      const { status, headers } = await from(app, '198.51.100.3').get('/api/v1/categories');
      expect([status, headers.get('ratelimit')]).toEqual([200, null]);
    }
  });

  it('know a partner by its key, and take an unknown key for none', async () => {
    const app = await start({
      RATE_LIMIT_PER_MINUTE: '1',
      RATE_LIMIT_API_KEY_PER_MINUTE: '3',
      RATE_LIMIT_API_KEYS: `partner:${PARTNER_KEY_HASH}`,
    });
    const ask = async (key: string, times: number) => {
      const statuses: number[] = [];
      for (let call = 0; call < times; call += 1)
        statuses.push(
          (await from(app, '198.51.100.4', { 'x-api-key': key }).get('/api/v1/categories')).status,
        );
      return statuses;
    };
    expect(await ask('partner-key', 4)).toEqual([200, 200, 200, 429]);
    expect(await ask('made-up', 2)).toEqual([200, 429]);
  });

  it.each([
    ['by the hour', '6', '100'],
    ['by the day', '100', '6'],
    ['by the day, beside a limit too large for a common log', '200', '6'],
  ])(
    'stop guessing at one account from many addresses %s, and let its owner in where the owner was before',
    async (_name, perHour, perDay) => {
      const app = await start({
        RATE_LIMIT_LOGIN_PER_QUARTER_HOUR: '4',
        RATE_LIMIT_LOGIN_PER_HOUR: perHour,
        RATE_LIMIT_LOGIN_PER_DAY: perDay,
      });
      const [email, home] = [newEmail(), '203.0.113.7'];
      expect((await from(app, home).register(email)).status).toBe(201);
      // Only failures count.
      for (let time = 0; time < 8; time += 1)
        expect((await from(app, `203.0.113.${String(time)}`).logIn(email, PASSWORD)).status).toBe(200);

      const guesses: number[] = [];
      for (let guess = 0; guess < 8; guess += 1)
        guesses.push((await from(app, `192.0.2.${String(guess)}`).logIn(email, 'wrong')).status);
      expect(guesses).toEqual([...Array<number>(6).fill(401), 429, 429]);
      // From another address, even the right password waits; at home it does not.
      expect((await from(app, '192.0.2.99').logIn(email, PASSWORD)).status).toBe(429);
      for (let time = 0; time < 6; time += 1)
        expect((await from(app, home).logIn(email.toUpperCase(), PASSWORD)).status).toBe(200);
      // Another account is none of their business.
      expect((await from(app, '192.0.2.99').logIn(newEmail(), 'wrong')).status).toBe(401);
    },
  );

  it('stop guessing from one address before the account is closed to others', async () => {
    const app = await start({ RATE_LIMIT_LOGIN_PER_QUARTER_HOUR: '3' });
    const email = newEmail();
    await from(app, '203.0.113.8').register(email);
    const guesses: number[] = [];
    for (let guess = 0; guess < 5; guess += 1)
      guesses.push((await from(app, '192.0.2.200').logIn(email, 'wrong')).status);
    expect(guesses).toEqual([401, 401, 401, 429, 429]);
    expect((await from(app, '192.0.2.201').logIn(email, PASSWORD)).status).toBe(200);
  });
});
