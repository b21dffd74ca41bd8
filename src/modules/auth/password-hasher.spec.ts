import { Problem } from '../../common/problem.js';
import { loadConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { PasswordHasher } from './password-hasher.js';

function hasher(queueMax = 200): PasswordHasher {
  return new PasswordHasher(
    loadConfig({
      DATABASE_URL: 'postgres://localhost/none',
      PASSWORD_HASH_THREADS: '1',
      PASSWORD_HASH_QUEUE_MAX: String(queueMax),
    }),
    new Metrics(),
  );
}

describe('PasswordHasher', () => {
  const passwords = hasher();
  afterAll(() => passwords.onModuleDestroy());

  it('makes a salted argon2id hash with the parameters of its documentation', async () => {
    const first = await passwords.hash('correct horse');
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(await passwords.hash('correct horse')).not.toBe(first);
  });

  it('knows the right password from any other, however its accents are composed', async () => {
    const hash = await passwords.hash('caf\u00e9 society');
    expect(await passwords.verify('cafe\u0301 society', hash)).toBe(true);
    expect(await passwords.verify('cafe society', hash)).toBe(false);
    expect(await passwords.verify('', hash)).toBe(false);
  });

  it.each([null, '!', '', '$argon2id$v=19$m=19456,t=2,p=1$broken'])(
    'matches nothing with %p',
    async (hash) => {
      expect(await passwords.verify('anything', hash)).toBe(false);
    },
  );

  it('refuses what does not fit its queue and finishes the rest', async () => {
    const busy = hasher(2);
    try {
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => busy.hash('x')));
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.length).toBeGreaterThan(0);
      expect(results.length - refused.length).toBeGreaterThanOrEqual(2);
      for (const { reason } of refused) {
        expect(reason).toBeInstanceOf(Problem);
        expect((reason as Problem).code).toBe('AUTH_BUSY');
      }
    } finally {
      await busy.onModuleDestroy();
    }
  });
});
