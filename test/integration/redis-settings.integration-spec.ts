import { loadConfig } from '../../src/config/index.js';
import type { Logger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisSettingsCheck } from '../../src/infrastructure/redis/index.js';
import { onServer } from '../support/redis-faults.js';
import { RedisUnderTest, timed } from '../support/redis-under-test.js';
import { createUsers, takeDenials, urlOf } from '../support/redis-users.js';
import { type Redis, startTestServices, type TestServices } from '../support/services/index.js';

const SAFE = { 'maxmemory-policy': 'noeviction', appendonly: 'yes', save: '' };
const UNSAFE = { 'maxmemory-policy': 'allkeys-lru', appendonly: 'no', save: '' };
const DATABASE_URL = 'postgres://nobody@127.0.0.1:1/none';
const PATIENT = { REDIS_COMMAND_TIMEOUT_MS: '5000' };

describe('the settings of a Redis', () => {
  let services: TestServices;
  let opened: RedisUnderTest[];
  let warnings: string[];

  beforeAll(async () => {
    services = await startTestServices();
  });

  beforeEach(() => {
    [opened, warnings] = [[], []];
  });

  afterEach(() => {
    for (const redis of opened) redis.close();
  });

  afterAll(() => services.close());

  const logger: Logger = {
    error: () => undefined,
    warn: (_fields, message) => warnings.push(message),
    info: () => undefined,
    debug: () => undefined,
  };
  /** What a start says: the refusal, or null. */
  const check = async (url: string, env: Record<string, string> = {}): Promise<string | null> => {
    const redis = await RedisUnderTest.start(url, { ...PATIENT, ...env });
    opened.push(redis);
    const config = loadConfig({ DATABASE_URL, REDIS_URL: url, ...env });
    const { error } = await timed(new RedisSettingsCheck(config, logger, redis.service, new Metrics()).run());
    if (error === undefined) return null;
    return error instanceof Error ? error.message : 'no error';
  };
  const configure = ({ url }: Redis, settings: Record<string, string>) =>
    onServer(url, async (server) => {
      for (const [name, value] of Object.entries(settings)) await server.config('SET', name, value);
    });

  it('that lose data let nobody start, and it is said which one to mend', async () => {
    const { redis } = services;
    await configure(redis, UNSAFE);
    const refusal = await check(redis.url);
    expect(refusal).toMatch(/Redis of main, rateLimit, sessions, cache: maxmemory-policy is allkeys-lru/);
    expect(refusal).toMatch(/set it to noeviction/);
    expect(refusal).toMatch(/set appendonly to yes/);
    expect(refusal).toMatch(/REDIS_ALLOW_UNSAFE_SETTINGS/);
    expect(await check(redis.url, { REDIS_ALLOW_UNSAFE_SETTINGS: 'true' })).toBeNull();
    expect(warnings).toHaveLength(2);
  });

  it('do when they are mended, by a log or by snapshots', async () => {
    const { redis } = services;
    await configure(redis, { ...SAFE, appendonly: 'no', save: '3600 1' });
    expect(await check(redis.url)).toBeNull();
    await configure(redis, SAFE);
    expect(await check(redis.url)).toBeNull();
    await configure(redis, { appendonly: 'no' });
    expect(await check(redis.url)).toMatch(/appendonly/);
  });

  it.each([
    ['main', 'REDIS_URL', ['maxmemory-policy', 'append-only']],
    ['sessions', 'REDIS_SESSION_URL', ['maxmemory-policy', 'append-only']],
    ['rateLimit', 'REDIS_RATE_LIMIT_URL', ['maxmemory-policy']],
    ['cache', 'REDIS_CACHE_URL', []],
  ])('are as the role %s needs them', async (role, setting, complaints) => {
    const [safe, unsafe] = [services.redis, await services.startAnotherRedis()];
    await configure(safe, SAFE);
    await configure(unsafe, UNSAFE);
    const others = {
      REDIS_SESSION_URL: safe.url,
      REDIS_RATE_LIMIT_URL: safe.url,
      REDIS_CACHE_URL: safe.url,
    };
    const refusal = await check(role === 'main' ? unsafe.url : safe.url, {
      ...others,
      ...(role === 'main' ? {} : { [setting]: unsafe.url }),
    });
    const lines = refusal === null ? [] : refusal.split('\n');
    expect(lines).toHaveLength(complaints.length);
    for (const [index, complaint] of complaints.entries()) {
      expect(lines[index]).toContain(`Redis of ${role}: `);
      expect(lines[index]).toContain(complaint);
    }
  });

  describe('with a user who may not ask', () => {
    const roles = (url: string) => ({
      REDIS_SESSION_URL: urlOf('caudal-sessions', url),
      REDIS_RATE_LIMIT_URL: urlOf('caudal-rate-limit', url),
      REDIS_CACHE_URL: urlOf('caudal-cache', url),
    });
    const checkAsUsers = ({ url }: Redis) => check(urlOf('caudal-main', url), roles(url));

    it('by CONFIG, are read from INFO, and what only CONFIG could tell is said to be unknown', async () => {
      const redis = await services.startAnotherRedis();
      await createUsers(redis.url);
      await configure(redis, UNSAFE);
      expect(await checkAsUsers(redis)).toMatch(/maxmemory-policy is allkeys-lru/);
      await configure(redis, { ...SAFE, appendonly: 'no' });
      warnings = [];
      expect(await checkAsUsers(redis)).toBeNull();
      expect(warnings.filter((line) => line.includes('CONFIG is forbidden')).sort()).toEqual([
        expect.stringContaining('Redis of main: '),
        expect.stringContaining('Redis of sessions: '),
      ]);
      await takeDenials(redis.url);
      await configure(redis, SAFE);
      warnings = [];
      expect(await checkAsUsers(redis)).toBeNull();
      expect(warnings).toEqual([]);
      expect((await takeDenials(redis.url)).filter((denial) => /config/i.test(denial))).toEqual([]);
    });

    it('by INFO either, are said to be unknown, and the start goes on', async () => {
      const redis = await services.startAnotherRedis();
      await createUsers(redis.url, '-info');
      await configure(redis, UNSAFE);
      expect(await checkAsUsers(redis)).toBeNull();
      expect(warnings.sort()).toEqual(
        ['main', 'rateLimit', 'sessions'].map((role): unknown =>
          expect.stringMatching(`^Redis of ${role}: INFO is forbidden`),
        ),
      );
    });
  });

  it('are not waited for long while the server is away', async () => {
    const away = RedisUnderTest.open('redis://127.0.0.1:1');
    opened.push(away);
    const config = loadConfig({ DATABASE_URL });
    const { error } = await timed(new RedisSettingsCheck(config, logger, away.service, new Metrics()).run());
    expect(error).toBeUndefined();
    expect(warnings).toEqual(['Redis is not there; its settings will be checked when it comes']);
  });
});
