import { Redis } from 'ioredis';
import { SessionStoreUnavailable } from '../../src/core/session/index.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { DEVICE, SessionInstance, tokenOf } from '../support/session-instance.js';
import { waitFor } from '../support/wait-for.js';

const unknown = { kind: 'refused', reason: 'unknown', subject: null };
const reused = { kind: 'refused', reason: 'reused', subject: expect.any(String) as string };

describe('the session store', () => {
  let services: TestServices;
  let first: SessionInstance;
  let second: SessionInstance;
  let redis: Redis;

  const keys = (pattern: string) => redis.keys(`caudal:session:${pattern}`);
  const sessionsOf = async (subject: string) => (await second.store.list(subject)).sessions.length;

  beforeAll(async () => {
    services = await startTestServices();
    first = await SessionInstance.start(services);
    second = await SessionInstance.start(services);
    redis = new Redis(services.redis.url);
    redis.on('error', () => undefined);
  });

  beforeEach(() => redis.flushall());

  afterAll(async () => {
    redis.disconnect();
    await first.close();
    await second.close();
    await services.close();
  });

  /** Instances with other settings on the same store, for one test. */
  async function withSettings(
    env: Record<string, string>,
    test: (instance: SessionInstance, other: SessionInstance) => Promise<void>,
  ): Promise<void> {
    const instance = await SessionInstance.start(services, env);
    const other = await SessionInstance.start(services, env);
    try {
      await test(instance, other);
    } finally {
      await instance.close();
      await other.close();
    }
  }

  it('exchanges a token for a new one of the same session, on any instance', async () => {
    const opened = await first.open('user-1');
    const next = tokenOf(await second.store.rotate(opened.token));
    const last = tokenOf(await first.store.rotate(next.token));
    expect(new Set([opened.token, next.token, last.token]).size).toBe(3);
    expect(last).toMatchObject({
      subject: 'user-1',
      sessionId: opened.sessionId,
      openedAtMs: opened.openedAtMs,
    });
    expect(last.expiresInSeconds).toBeGreaterThan(604_000);
    expect(last.expiresInSeconds).toBeLessThanOrEqual(604_800);
  });

  it('revokes the family when a former token comes again', async () => {
    const opened = await first.open('user-1');
    const next = tokenOf(await first.store.rotate(opened.token));
    expect(await second.store.rotate(opened.token)).toEqual(reused);
    expect(await first.store.rotate(next.token)).toEqual(unknown);
    expect(await keys('book:*')).toEqual([]);
  });

  it('lets one of eight parallel exchanges win and ends the family, twenty times over', async () => {
    for (let round = 0; round < 20; round += 1) {
      const opened = await first.open('user-1');
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? first : second).store.rotate(opened.token)),
      );
      const winners = answers.filter((answer) => answer.kind === 'rotated');
      expect(winners).toHaveLength(1);
      expect(answers).toContainEqual(reused);
      expect(await first.store.rotate(tokenOf(winners[0]!).token)).toEqual(unknown);
    }
  });

  it('ends a session with its latest or with a former token, once', async () => {
    const one = await first.open('user-1');
    expect(await first.store.revoke(one.token)).not.toBeNull();
    expect(await first.store.revoke(one.token)).toBeNull();

    const two = await first.open('user-1');
    const next = tokenOf(await first.store.rotate(two.token));
    expect(await first.store.revoke(two.token)).not.toBeNull();
    expect(await first.store.rotate(next.token)).toEqual(unknown);
  });

  it("ends every session of one subject and nobody else's, and none that is opened afterwards", async () => {
    const mine = await Promise.all([first.open('user-1'), second.open('user-1')]);
    const other = await first.open('user-2');
    expect(await second.store.revokeAll('user-1')).toBe(2);
    const [later, ended] = [await first.open('user-1'), mine.map((each) => second.accepts(each))];
    expect(ended).toEqual([false, false]);
    // Opened in the same millisecond perhaps: the store puts it behind the epoch.
    expect(second.accepts(later)).toBe(true);
    for (const { token } of mine) expect(await first.store.rotate(token)).toEqual(unknown);
    expect(await first.store.rotate(other.token)).toMatchObject({ kind: 'rotated' });
    expect(await second.store.revokeAll('user-1')).toBe(1);
    expect(await second.store.revokeAll('user-1')).toBe(0);
  });

  it('opens sessions behind an epoch that lies ahead of its clock', async () => {
    const { openedAtMs } = await first.open('user-1');
    await first.store.revokeAll('user-1');
    const [book] = await keys('book:*');
    await redis.hset(book!, 'epoch', String(openedAtMs + 5000));
    expect((await first.open('user-1')).openedAtMs).toBe(openedAtMs + 5001);
  });

  it('takes nothing for a token that it did not issue', async () => {
    const { token } = await first.open('user-1');
    const foreign = (await first.open('user-2')).token;
    const forgeries = ['', 'x', `${token}A`, token.slice(1), token.replace(/^./, '!'), '\0'.repeat(76)];
    // The family id of one session under the routing tag of another subject.
    forgeries.push(foreign.slice(0, 12) + token.slice(12));
    for (const forgery of forgeries) expect(await first.store.rotate(forgery)).toEqual(unknown);
    expect(await first.store.rotate(token)).toMatchObject({ kind: 'rotated' });
  });

  it('keeps no secret and no subject in its keys, and a time to live on each', async () => {
    const { token, sessionId } = await first.open('user-1');
    const names = await keys('*');
    expect(names.map((name) => name.split(':')[2]).sort()).toEqual(['book', 'census']);
    for (const name of names) {
      expect(name).not.toContain('user-1');
      expect(await redis.pttl(name)).toBeGreaterThan(604_000_000);
      expect(await redis.pttl(name)).toBeLessThanOrEqual(2_610_000_000);
    }
    const [book] = await keys('book:*');
    const record = await redis.hgetallBuffer(book!);
    const secret = Buffer.from(token, 'base64url').subarray(25);
    expect(Object.keys(record).sort()).toEqual([sessionId, 'subject'].sort());
    expect(Object.values(record).some((value) => value.includes(secret))).toBe(false);
    expect(token).toContain(sessionId.slice(0, 20));
  });

  it('lists the sessions of a subject with their devices, last use and expiry', async () => {
    const opened = await first.open('user-1');
    const { issued } = (await second.store.create('user-1', { userAgent: '', network: '' })) as {
      issued: typeof opened;
    };
    await first.open('user-2');
    const { sessions: listed } = await second.store.list('user-1');
    expect(new Map(listed.map((each) => [each.sessionId, each.userAgent]))).toEqual(
      new Map([
        [opened.sessionId, DEVICE.userAgent],
        [issued.sessionId, ''],
      ]),
    );
    const mine = listed.find(({ sessionId }) => sessionId === opened.sessionId);
    expect(mine).toMatchObject({ ...DEVICE, openedAtMs: opened.openedAtMs, seenAtMs: opened.openedAtMs });
    expect(mine!.expiresAtMs - mine!.openedAtMs).toBe(604_800_000);
  });

  it('ends one session by its id for its subject only', async () => {
    const [mine, other] = [await first.open('user-1'), await first.open('user-2')];
    for (const id of [other.sessionId, '', 'subject', 'epoch', 'x'.repeat(22), mine.sessionId.slice(1)])
      expect(await first.store.revokeSession('user-1', id)).toBe(false);
    expect(await first.store.revokeSession('user-1', mine.sessionId)).toBe(true);
    expect(await first.store.rotate(mine.token)).toEqual(unknown);
    expect(await first.store.rotate(other.token)).toMatchObject({ kind: 'rotated' });
  });

  it('confirms a session until it ends', async () => {
    const { sessionId } = await first.open('user-1');
    expect(await second.store.confirm('user-1', sessionId)).toBe(true);
    expect(await second.store.confirm('user-2', sessionId)).toBe(false);
    await first.store.revokeSession('user-1', sessionId);
    expect(await second.store.confirm('user-1', sessionId)).toBe(false);
    expect(await keys('book:*')).toEqual([]);
  });

  it('expires a session that nobody uses, and leaves nothing', async () => {
    await withSettings({ REFRESH_TOKEN_TTL_SECONDS: '1' }, async (instance) => {
      const { token } = await instance.open('user-1');
      await waitFor(
        'the idle expiry',
        async () => (await instance.store.list('user-1')).sessions.length === 0,
      );
      expect(await instance.store.rotate(token)).toMatchObject({ kind: 'refused', reason: 'expired' });
      expect(await instance.store.rotate(token)).toEqual(unknown);
      expect(await keys('book:*')).toEqual([]);
    });
  });

  it('puts the expiry off with each use, but never past the absolute end', async () => {
    const env = { REFRESH_TOKEN_TTL_SECONDS: '2', SESSION_ABSOLUTE_TTL_SECONDS: '3' };
    await withSettings({ ...env, SESSION_TOUCH_INTERVAL_SECONDS: '1' }, async (instance) => {
      const { sessionId, openedAtMs, token } = await instance.open('user-1');
      const expiry = async () => (await instance.store.list('user-1')).sessions[0]?.expiresAtMs ?? Infinity;
      expect(await expiry()).toBe(openedAtMs + 2000);
      await waitFor('a use that counts', async () => {
        await instance.store.confirm('user-1', sessionId);
        return (await expiry()) > openedAtMs + 2000;
      });
      await waitFor('the absolute end', async () => {
        expect(await expiry()).not.toBeLessThan(openedAtMs + 2000);
        if ((await expiry()) !== Infinity) expect(await expiry()).toBeLessThanOrEqual(openedAtMs + 3000);
        return !(await instance.store.confirm('user-1', sessionId));
      });
      expect(await instance.store.rotate(token)).toMatchObject({ kind: 'refused' });
    });
  });

  it('shares the limit of a subject out exactly, evicting the one that would end first', async () => {
    await withSettings({ SESSIONS_PER_USER_MAX: '3' }, async (instance, other) => {
      const opened = [
        await instance.open('user-1'),
        await other.open('user-1'),
        await instance.open('user-1'),
      ];
      // Times are milliseconds: a use sorts the first behind the second for certain.
      await waitFor('another millisecond', () => Date.now() > opened[2]!.openedAtMs + 1);
      const renewed = tokenOf(await instance.store.rotate(opened[0]!.token));
      await other.open('user-1');
      expect(await sessionsOf('user-1')).toBe(3);
      expect(await instance.store.rotate(renewed.token)).toMatchObject({ kind: 'rotated' });
      const left = (await instance.store.list('user-1')).sessions.map(({ sessionId }) => sessionId);
      const gone = opened.filter(({ sessionId }) => !left.includes(sessionId));
      expect(gone).toHaveLength(1);
      expect(await instance.store.rotate(gone[0]!.token)).toEqual(unknown);
    });
  });

  it.each(['evict', 'reject'])('holds the limit exactly under 100 parallel log-ins: %s', async (policy) => {
    const env = { SESSIONS_PER_USER_MAX: '10', SESSION_LIMIT_POLICY: policy };
    await withSettings(env, async (instance, other) => {
      const openings = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          (i % 2 === 0 ? instance : other).store.create('user-1', DEVICE),
        ),
      );
      const opened = openings.flatMap((each) => (each.kind === 'opened' ? [each.issued] : []));
      expect(opened).toHaveLength(policy === 'evict' ? 100 : 10);
      expect(await sessionsOf('user-1')).toBe(10);
      const alive = await Promise.all(opened.map(({ token }) => instance.store.rotate(token)));
      expect(alive.filter(({ kind }) => kind === 'rotated')).toHaveLength(10);
      if (policy === 'evict') return;
      await instance.store.revoke(opened[0]!.token);
      expect((await instance.store.create('user-1', DEVICE)).kind).toBe('opened');
    });
  });

  it('notes uses of many sessions together, each once in its pause', async () => {
    await withSettings({ SESSION_TOUCH_INTERVAL_SECONDS: '1' }, async (instance, other) => {
      const opened = await Promise.all(Array.from({ length: 40 }, (_, i) => first.open(`user-${String(i)}`)));
      const seen = async () =>
        Promise.all(
          opened.map(async ({ subject }) => (await first.store.list(subject)).sessions[0]!.seenAtMs),
        );
      const atFirst = await seen();
      await waitFor('the pause', () => Date.now() > Math.max(...atFirst) + 1000);
      for (const { subject, sessionId } of opened) {
        instance.activity.note(subject, sessionId);
        other.activity.note(subject, sessionId);
        other.activity.note('user-0', 'forgotten');
      }
      const results = async (result: string) =>
        (await instance.metric(`session_touches_total{result="${result}"}`)) +
        (await other.metric(`session_touches_total{result="${result}"}`));
      await waitFor('the notes', async () => (await results('touched')) + (await results('skipped')) === 80);
      expect([await results('touched'), await results('gone')]).toEqual([40, 1]);
      expect((await seen()).every((at, i) => at > atFirst[i]!)).toBe(true);
    });
  });

  it('counts the users who have a session, each once', async () => {
    const users = ['user-1', 'user-2', 'user-3', 'user-4'];
    const [one, two] = await Promise.all([...users, ...users].map((user) => first.open(user)));
    expect(await second.census.countUsers()).toBe(4);
    await first.store.revokeAll('user-4');
    await first.store.revoke(one!.token);
    expect(await second.census.countUsers()).toBe(3);
    await first.store.revokeAll('user-1');
    const next = tokenOf(await first.store.rotate(two!.token));
    await first.store.confirm('user-2', next.sessionId);
    expect(await second.census.countUsers()).toBe(2);
    // A reuse ends the session as well.
    await first.store.revokeAll('user-3');
    await first.store.rotate(two!.token);
    expect(await second.census.countUsers()).toBe(1);
    await first.store.revokeAll('user-2');
    await first.open('user-4');
    expect(await second.census.countUsers()).toBe(1);
  });

  it('leaves nothing of 2,000 users whose sessions ran out, and counts none of them', async () => {
    await withSettings(
      { REFRESH_TOKEN_TTL_SECONDS: '4', SESSION_ABSOLUTE_TTL_SECONDS: '4' },
      async (instance) => {
        const usedBefore = await usedBytes(redis);
        for (let i = 0; i < 2000; i += 100)
          await Promise.all(Array.from({ length: 100 }, (_, j) => instance.open(`user-${String(i + j)}`)));
        expect(await instance.census.countUsers()).toBe(2000);
        const usedFull = await usedBytes(redis);
        await waitFor('every book to expire', async () => (await keys('book:*')).length === 0);
        await waitFor('the count', async () => (await instance.census.countUsers()) === 0);
        expect((await keys('*')).every((key) => key.includes(':census:'))).toBe(true);
        for (const key of await keys('*')) expect(await redis.hlen(key)).toBe(0);
        // What clients have sent is counted with the data until the server shrinks their buffers.
        await waitFor(
          'the memory to be given back',
          async () => (await usedBytes(redis)) - usedBefore < 0.05 * (usedFull - usedBefore),
        );
      },
    );
  });

  it('survives the loss of the script cache', async () => {
    const { token } = await first.open('user-1');
    await redis.script('FLUSH');
    expect(await first.store.rotate(token)).toMatchObject({ kind: 'rotated' });
  });
});

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory_dataset:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

describe('the session store without its Redis', () => {
  it('says that it is unavailable, at once and within the deadline when the server hangs, and recovers', async () => {
    const services = await startTestServices();
    const instance = await SessionInstance.start(services, { REDIS_COMMAND_TIMEOUT_MS: '100' });
    const { store } = instance;
    try {
      const { token, sessionId } = await instance.open('user-1');
      const expectUnavailable = async (): Promise<void> => {
        for (const call of [
          () => store.create('user-1', DEVICE),
          () => store.rotate(token),
          () => store.revoke(token),
          () => store.revokeSession('user-1', sessionId),
          () => store.revokeAll('user-1'),
          () => store.list('user-1'),
          () => store.confirm('user-1', sessionId),
        ]) {
          const start = performance.now();
          await expect(call()).rejects.toBeInstanceOf(SessionStoreUnavailable);
          expect(performance.now() - start).toBeLessThan(1000);
        }
        expect(await instance.census.countUsers()).toBeNull();
      };

      services.redis.kill('SIGSTOP');
      await expectUnavailable();
      services.redis.kill('SIGKILL');
      await services.redis.waitForExit();
      await expectUnavailable();

      await services.redis.restart();
      await instance.waitUntilReady();
      expect(await store.rotate(token)).toEqual(unknown);
    } finally {
      await instance.close();
      await services.close();
    }
  });

  it('does not lose a session over one late answer', async () => {
    const services = await startTestServices();
    const instance = await SessionInstance.start(services, { REDIS_COMMAND_TIMEOUT_MS: '300' });
    const saboteur = new Redis(services.redis.url);
    try {
      const opened = await instance.open('user-1');
      // The server executes the first exchange only after its caller's deadline.
      await saboteur.client('PAUSE', 450);
      const next = tokenOf(await instance.store.rotate(opened.token));
      expect(await instance.store.rotate(next.token)).toMatchObject({ kind: 'rotated' });
    } finally {
      saboteur.disconnect();
      await instance.close();
      await services.close();
    }
  });
});
