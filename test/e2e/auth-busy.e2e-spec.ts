import { startApp } from '../support/app-harness.js';
import { startTestServices } from '../support/services/index.js';
import { expectProblem, SignInClient } from '../support/sign-in-client.js';

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
