import { startApp } from '../support/app-harness.js';
import { startTestServices } from '../support/services/index.js';
import {
  expectProblem,
  newEmail,
  PASSWORD,
  SignInClient,
  waitForSessionStore,
} from '../support/sign-in-client.js';

describe('authentication under a small hashing queue', () => {
  it('refuses the passwords that do not fit and finishes the others', async () => {
    const services = await startTestServices();
    const app = await startApp({
      services,
      env: {
        PASSWORD_HASH_THREADS: '1',
        PASSWORD_HASH_QUEUE_MAX: '3',
      },
    });
    try {
      const answers = await Promise.all(
        Array.from({ length: 30 }, () => new SignInClient(app.url).logIn('nobody@example.com')),
      );
      const busy = answers.filter(({ status }) => status === 503);
      for (const answer of busy) {
        expectProblem(answer, 503, 'AUTH_BUSY');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      }
      const finished = answers.filter(({ status }) => status === 401);
      expect(finished.length).toBeGreaterThanOrEqual(4);
      expect(busy.length).toBeGreaterThan(0);
      expect(busy.length + finished.length).toBe(30);
    } finally {
      await app.close();
      await services.close();
    }
  });
});

describe('authentication without its session store', () => {
  it('says so on every route that needs it, keeps valid access tokens working, and recovers', async () => {
    const services = await startTestServices();
    const app = await startApp({ services });
    try {
      await waitForSessionStore(app.url);
      const client = new SignInClient(app.url);
      const email = newEmail();
      const { accessToken } = await client.register(email);
      const held = client.cookie;
      const newcomer = { email: newEmail(), password: PASSWORD, name: 'New' };

      services.redis.kill();
      await services.redis.waitForExit();
      const answers = [
        await client.logIn(email),
        await client.refresh(),
        await client.logOut(),
        await client.post('/api/v1/auth/register', { body: newcomer }),
      ];
      for (const answer of answers) {
        expectProblem(answer, 503, 'SESSION_STORE_UNAVAILABLE');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
      expect((await client.me(accessToken)).status).toBe(200);
      expectProblem(await client.logIn(email, 'another password'), 401, 'CREDENTIALS_INVALID');

      await services.redis.restart();
      await waitForSessionStore(app.url);
      // The store lost its data: the old session is gone and was not replaced by one in memory.
      client.cookie = held;
      expectProblem(await client.refresh(), 401, 'REFRESH_TOKEN_INVALID');
      expect((await client.logIn(email)).status).toBe(200);
      // Nothing is left of the registration that was refused.
      expect((await client.post('/api/v1/auth/register', { body: newcomer })).status).toBe(201);
    } finally {
      await app.close();
      await services.close();
    }
  });
});
