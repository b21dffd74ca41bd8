import { readOptions } from './options.mjs';

describe('the options of npm start', () => {
  it('have defaults that need no environment', () => {
    const options = readOptions([], {});
    expect(options).toMatchObject({
      instances: 1,
      port: 3000,
      managementPort: 9464,
      role: 'all',
      poolSize: 100,
    });
    expect(options.dataDir).toMatch(/\.caudal$/);
  });

  it('take the number of instances in both spellings', () => {
    expect(readOptions(['--instances', '3'], {}).instances).toBe(3);
    expect(readOptions(['--instances=2', '--verbose'], {})).toMatchObject({ instances: 2, verbose: true });
  });

  it('count the connections of one process, capped as the application caps them', () => {
    const env = { DATABASE_WRITE_POOL_SIZE: '10', DATABASE_READ_POOL_SIZE: '20' };
    expect(readOptions([], env).poolSize).toBe(30);
    expect(readOptions([], { ...env, DATABASE_CONNECTION_LIMIT: '12' }).poolSize).toBe(12);
  });

  it.each([
    [[], { PORT: 'abc' }, 'PORT=abc is not a whole number'],
    [[], { PORT: '0' }, 'PORT=0 is not a whole number'],
    [['--instances', '10'], { PORT: '65530' }, 'leaves no room for 10'],
    [['--instances', '2'], { PORT: '3000', MANAGEMENT_PORT: '3001' }, 'overlap'],
    [['--instances', '0'], {}, '--instances=0'],
    [['--instances'], {}, '--instances='],
    [['--unknown'], {}, 'unknown option --unknown'],
    [[], { ROLE: 'boss' }, 'ROLE=boss'],
    [[], { TRUST_PROXY_HOPS: '1.5' }, 'TRUST_PROXY_HOPS=1.5'],
    [[], { REDIS_URL: 'http://localhost' }, 'REDIS_URL is not a URL starting with redis://'],
    [[], { DATABASE_REPLICA_URLS: 'postgres://replica' }, 'needs DATABASE_URL'],
    [[], { ADMIN_EMAIL: 'nobody' }, 'ADMIN_EMAIL=nobody'],
  ])('refuse %j with %j in one line', (args, env, reason) => {
    expect(() => readOptions(args, env)).toThrow(reason);
  });

  it('never repeat a URL, which may hold a password', () => {
    expect(() => readOptions([], { DATABASE_URL: 'mysql://user:hunter2@db/shop' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') as string }) as Error,
    );
  });
});
