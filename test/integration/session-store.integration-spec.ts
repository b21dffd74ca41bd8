import { Redis } from 'ioredis';
import { loadConfig } from '../../src/config/index.js';
import { DistributedSessionService } from '../../src/core/session/distributed-session.service.js';
import { type IssuedToken, type Rotation, SessionStoreUnavailable } from '../../src/core/session/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

interface Instance {
  readonly store: DistributedSessionService;
  readonly close: () => void;
}

/** What one process has: connections of its own to the shared store. */
function startInstance(services: TestServices, env: Record<string, string> = {}): Instance {
  const config = loadConfig(testEnvironment(services, env));
  const metrics = new Metrics();
  const redis = new RedisService(config, createLogger('silent'), metrics);
  return {
    store: new DistributedSessionService(redis, config, metrics),
    close: () => {
      redis.onApplicationShutdown();
    },
  };
}

function tokenOf(rotation: Rotation): IssuedToken {
  if (rotation.kind === 'refused') throw new Error(`refused: ${rotation.reason}`);
  return rotation.issued;
}

const unknown = { kind: 'refused', reason: 'unknown' };
const reused = { kind: 'refused', reason: 'reused' };

describe('the session store', () => {
  let services: TestServices;
  let first: Instance;
  let second: Instance;
  let redis: Redis;

  const keys = (pattern: string) => redis.keys(`caudal:session:${pattern}`);
  const onlyFamily = async (): Promise<string> => {
    const families = await keys('family:*');
    expect(families).toHaveLength(1);
    return families[0]!;
  };

  beforeAll(async () => {
    services = await startTestServices();
    first = startInstance(services);
    second = startInstance(services);
    redis = new Redis(services.redis.url);
    redis.on('error', () => undefined);
    await waitUntilReady(first.store);
    await waitUntilReady(second.store);
  });

  beforeEach(() => redis.flushall());

  afterAll(async () => {
    redis.disconnect();
    first.close();
    second.close();
    await services.close();
  });

  it('exchanges a token for a new one of the same session, on any instance', async () => {
    const opened = await first.store.create('user-1');
    const next = tokenOf(await second.store.rotate(opened.token));
    const last = tokenOf(await first.store.rotate(next.token));
    expect(new Set([opened.token, next.token, last.token]).size).toBe(3);
    expect(last).toMatchObject({ subject: 'user-1', sessionId: opened.sessionId });
    expect(last.expiresInSeconds).toBeGreaterThan(604_000);
    expect(last.expiresInSeconds).toBeLessThanOrEqual(604_800);
  });

  it('revokes the family when a former token comes again', async () => {
    const opened = await first.store.create('user-1');
    const next = tokenOf(await first.store.rotate(opened.token));
    expect(await second.store.rotate(opened.token)).toEqual(reused);
    expect(await first.store.rotate(next.token)).toEqual(unknown);
    expect(await keys('*')).toEqual([]);
  });

  it('lets one of eight parallel exchanges win and ends the family, twenty times over', async () => {
    for (let round = 0; round < 20; round += 1) {
      const opened = await first.store.create('user-1');
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? first : second).store.rotate(opened.token)),
      );
      const winners = answers.filter((answer) => answer.kind === 'rotated');
      expect(winners).toHaveLength(1);
      expect(answers).toContainEqual(reused);
      expect(await first.store.rotate(tokenOf(winners[0]!).token)).toEqual(unknown);
    }
  });

  it('keeps a revoked session dead whatever races with the log-out, in 500 races', async () => {
    for (let round = 0; round < 500; round += 1) {
      const opened = await first.store.create('user-1');
      const [rotation] = await Promise.all(
        round % 2 === 0
          ? [first.store.rotate(opened.token), second.store.revoke(opened.token)]
          : [second.store.rotate(opened.token), first.store.revoke(opened.token)],
      );
      const survivor = rotation.kind === 'rotated' ? rotation.issued.token : opened.token;
      expect(await first.store.rotate(survivor)).toEqual(unknown);
    }
    expect(await keys('*')).toEqual([]);
  });

  it('ends a session with its latest or with a former token, once', async () => {
    const one = await first.store.create('user-1');
    expect(await first.store.revoke(one.token)).toBe(true);
    expect(await first.store.revoke(one.token)).toBe(false);

    const two = await first.store.create('user-1');
    const next = tokenOf(await first.store.rotate(two.token));
    expect(await first.store.revoke(two.token)).toBe(true);
    expect(await first.store.rotate(next.token)).toEqual(unknown);
  });

  it("ends every session of one subject and nobody else's", async () => {
    const mine = await Promise.all([first.store.create('user-1'), second.store.create('user-1')]);
    const other = await first.store.create('user-2');
    expect(await second.store.revokeAll('user-1')).toBe(2);
    expect(await second.store.revokeAll('user-1')).toBe(0);
    for (const { token } of mine) expect(await first.store.rotate(token)).toEqual(unknown);
    expect(await first.store.rotate(other.token)).toMatchObject({ kind: 'rotated' });
  });

  it('takes nothing for a token that it did not issue', async () => {
    const { token } = await first.store.create('user-1');
    const foreign = (await first.store.create('user-2')).token;
    const forgeries = ['', 'x', `${token}A`, token.slice(1), token.replace(/^./, '!'), '\0'.repeat(76)];
    // The family id of one session under the routing tag of another subject.
    forgeries.push(foreign.slice(0, 12) + token.slice(12));
    for (const forgery of forgeries) expect(await first.store.rotate(forgery)).toEqual(unknown);
    expect(await first.store.rotate(token)).toMatchObject({ kind: 'rotated' });
  });

  it('keeps no secret and no subject in its keys, and a time to live on each', async () => {
    const { token, sessionId } = await first.store.create('user-1');
    const names = await keys('*');
    expect(names).toHaveLength(2);
    for (const name of names) {
      expect(name).not.toContain('user-1');
      expect(await redis.pttl(name)).toBeGreaterThan(604_000_000);
      expect(await redis.pttl(name)).toBeLessThanOrEqual(604_860_000);
    }
    const record = await redis.hgetallBuffer(await onlyFamily());
    const secret = Buffer.from(token, 'base64url').subarray(25);
    expect(Object.keys(record).sort()).toEqual(['ends_ms', 'hash', 'subject', 'until_ms']);
    expect(Object.values(record).some((value) => value.includes(secret))).toBe(false);
    expect(token).toContain(sessionId.slice(0, 20));
  });

  it('refuses an expired token and forgets its session', async () => {
    const { token } = await first.store.create('user-1');
    await redis.hset(await onlyFamily(), 'until_ms', String(Date.now() - 1));
    expect(await first.store.rotate(token)).toEqual({ kind: 'refused', reason: 'expired' });
    expect(await keys('*')).toEqual([]);
  });

  it('never lengthens a session past its absolute end', async () => {
    const { token } = await first.store.create('user-1');
    const family = await onlyFamily();
    await redis.hset(family, 'ends_ms', String(Date.now() + 60_000));
    const next = tokenOf(await first.store.rotate(token));
    expect(next.expiresInSeconds).toBeLessThanOrEqual(60);
    expect(await redis.pttl(family)).toBeLessThanOrEqual(120_000);
  });

  it('bounds the sessions of one subject and drops the one that would end first', async () => {
    const tokens: string[] = [];
    const base = Date.now() + 60_000;
    for (let i = 0; i < 50; i += 1) {
      const { token, sessionId } = await first.store.create('user-1');
      tokens.push(token);
      // Log-ins of one millisecond end together, and any of them may go first: give each an end of its own.
      const [index] = await keys('index:*');
      expect(await redis.zadd(index!, 'XX', 'CH', String(base + i), sessionId)).toBe(1);
    }
    const [oldest, second_, ...rest] = tokens;
    // Used again, the oldest is not the first to end any more.
    const renewed = tokenOf(await first.store.rotate(oldest!)).token;
    await Promise.all([first.store.create('user-2'), second.store.create('user-1')]);
    expect(await keys('family:*')).toHaveLength(51);
    expect(await first.store.rotate(second_!)).toEqual(unknown);
    expect(await first.store.rotate(renewed)).toMatchObject({ kind: 'rotated' });
    expect(await first.store.rotate(rest[0]!)).toMatchObject({ kind: 'rotated' });
  });

  it('holds that bound exactly under 100 parallel log-ins', async () => {
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? first : second).store.create('user-1')),
    );
    expect(await keys('family:*')).toHaveLength(50);
    const [index] = await keys('index:*');
    expect(await redis.zcard(index!)).toBe(50);
  });

  it('drops the entries of expired sessions from the index', async () => {
    await first.store.create('user-1');
    const [index] = await keys('index:*');
    await redis.zadd(index!, String(Date.now() - 1), 'gone');
    await first.store.create('user-1');
    expect(await redis.zrange(index!, '0', '-1')).not.toContain('gone');
  });

  it('survives the loss of the script cache', async () => {
    const { token } = await first.store.create('user-1');
    await redis.script('FLUSH');
    expect(await first.store.rotate(token)).toMatchObject({ kind: 'rotated' });
  });
});

describe('the session store without its Redis', () => {
  it('says that it is unavailable, at once and within the deadline when the server hangs, and recovers', async () => {
    const services = await startTestServices();
    const { store, close } = startInstance(services, { REDIS_COMMAND_TIMEOUT_MS: '100' });
    try {
      await waitUntilReady(store);
      const { token } = await store.create('user-1');
      const expectUnavailable = async (): Promise<void> => {
        for (const call of [
          () => store.create('user-1'),
          () => store.rotate(token),
          () => store.revoke(token),
          () => store.revokeAll('user-1'),
        ]) {
          const start = performance.now();
          await expect(call()).rejects.toBeInstanceOf(SessionStoreUnavailable);
          expect(performance.now() - start).toBeLessThan(1000);
        }
      };

      services.redis.kill('SIGSTOP');
      await expectUnavailable();
      services.redis.kill('SIGKILL');
      await services.redis.waitForExit();
      await expectUnavailable();

      await services.redis.restart();
      await waitUntilReady(store);
      expect(await store.rotate(token)).toEqual(unknown);
    } finally {
      close();
      await services.close();
    }
  });

  it('does not lose a session over one late answer', async () => {
    const services = await startTestServices();
    const { store, close } = startInstance(services, { REDIS_COMMAND_TIMEOUT_MS: '300' });
    const saboteur = new Redis(services.redis.url);
    try {
      await waitUntilReady(store);
      const opened = await store.create('user-1');
      // The server executes the first exchange only after its caller's deadline.
      await saboteur.client('PAUSE', 450);
      const next = tokenOf(await store.rotate(opened.token));
      expect(await store.rotate(next.token)).toMatchObject({ kind: 'rotated' });
    } finally {
      saboteur.disconnect();
      close();
      await services.close();
    }
  });
});

async function waitUntilReady(store: DistributedSessionService): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const isUp = await store.revokeAll('nobody').then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the store did not come up');
}
