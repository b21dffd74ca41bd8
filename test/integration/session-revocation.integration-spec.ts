import { Redis } from 'ioredis';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { SessionInstance } from '../support/session-instance.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

const POLL_MS = 1000;
/** The pause between two looks, the deadline of a command, and what a busy machine takes. */
const STATED_DELAY_MS = POLL_MS + 1000 + 1000;
const NO_LOOKS = { SESSION_REVOCATION_POLL_MS: '60000' };

describe('the end of a session', () => {
  let services: TestServices;
  let redis: Redis;
  const started: { close: () => Promise<void> | void }[] = [];

  const listening = async (env: Record<string, string> = {}, url = services.redis.url) => {
    const instance = await SessionInstance.start(
      { databaseUrl: services.databaseUrl, redis: { url } },
      { SESSION_REVOCATION_POLL_MS: String(POLL_MS), ...env },
    );
    started.push(instance);
    await instance.listen();
    return instance;
  };
  const startProxy = async () => {
    const proxy = await TcpProxy.start(services.redis.port);
    started.push(proxy);
    return proxy;
  };
  const urlOf = (proxy: TcpProxy) => `redis://127.0.0.1:${String(proxy.port)}`;
  const knows = (instance: SessionInstance, session: Parameters<SessionInstance['accepts']>[0]) =>
    waitFor('the end to be known', () => !instance.accepts(session), STATED_DELAY_MS);

  beforeEach(async () => {
    services = await startTestServices();
    redis = new Redis(services.redis.url);
    redis.on('error', () => undefined);
  });

  afterEach(async () => {
    redis.disconnect();
    for (const each of started.splice(0)) await each.close();
    await services.close();
  });

  it('is pushed to every process, however it came about', async () => {
    const limits = { SESSIONS_PER_USER_MAX: '2', ...NO_LOOKS };
    const [actor, observer] = [await listening(limits), await listening(limits)];
    const [one, two, three] = [await actor.open('ada'), await actor.open('eve'), await actor.open('bob')];
    await actor.store.revoke(one.token);
    await actor.store.revokeSession('eve', two.sessionId);
    await actor.store.revokeAll('bob');
    for (const session of [one, two, three]) await knows(observer, session);

    const reused = await actor.open('ada');
    await actor.store.rotate(reused.token);
    await actor.store.rotate(reused.token);
    await knows(observer, reused);
    await knows(actor, reused);

    const sessions = [await actor.open('joe'), await actor.open('joe'), await actor.open('joe')];
    await waitFor('the evicted one', () => sessions.filter((each) => !observer.accepts(each)).length === 1);
    expect(await observer.metric('session_revocations_learned_total{source="push"}')).toBe(5);
    expect(await observer.metric('session_revocations_learned_total{source="poll"}')).toBe(0);
    expect(observer.accepts(await actor.open('bob'))).toBe(true);
  });

  it('is found within the stated delay when its message is lost unnoticed', async () => {
    const observer = await listening();
    const actor = await SessionInstance.start(services);
    started.push(actor);
    const session = await actor.open('ada');
    // What the script writes, without what it publishes.
    await redis.zadd(redisKeys.sessionEnds('0'), Date.now(), `s ${session.sessionId}`);
    await knows(observer, session);
    expect(await observer.metric('session_revocations_learned_total{source="push"}')).toBe(0);
  });

  it('is read when the subscription stands again, looks or no looks', async () => {
    const proxy = await startProxy();
    const observer = await listening(NO_LOOKS, urlOf(proxy));
    const actor = await listening(NO_LOOKS);
    const [one, two] = [await actor.open('ada'), await actor.open('eve')];
    proxy.cut();
    await actor.store.revoke(one.token);
    await actor.store.revokeAll('eve');
    // Whoever cannot know of it accepts the access token until it expires.
    expect([observer.accepts(one), observer.accepts(two)]).toEqual([true, true]);
    proxy.restore();
    await waitFor('both ends', () => !observer.accepts(one) && !observer.accepts(two), 5000);
  });

  it('is read by a process that starts afterwards', async () => {
    const actor = await listening();
    const sessions = await Promise.all(
      Array.from({ length: 300 }, (_, i) => actor.open(`user-${String(i)}`)),
    );
    await Promise.all(
      sessions.map(({ token, subject }, i) =>
        i % 2 === 0 ? actor.store.revoke(token) : actor.store.revokeAll(subject),
      ),
    );
    const newcomer = await listening(NO_LOOKS);
    expect(sessions.filter((each) => newcomer.accepts(each))).toEqual([]);
  });

  it('stays known while the store hangs and after it has died with everything it knew', async () => {
    const [actor, observer] = [await listening(), await listening()];
    const [ended, alive] = [await actor.open('ada'), await actor.open('ada')];
    await actor.store.revoke(ended.token);
    await knows(observer, ended);
    services.redis.kill('SIGSTOP');
    expect([observer.accepts(ended), observer.accepts(alive)]).toEqual([false, true]);
    services.redis.kill('SIGKILL');
    await services.redis.waitForExit();
    await services.redis.restart();
    await observer.waitUntilReady();
    expect([observer.accepts(ended), observer.accepts(alive)]).toEqual([false, true]);
    // It hears the new server as it heard the old one.
    const later = await actor.open('eve').catch(async () => {
      await actor.waitUntilReady();
      return actor.open('eve');
    });
    await actor.store.revokeAll('eve');
    await knows(observer, later);
  });

  it('changes nothing for access tokens where that is switched off', async () => {
    const actor = await SessionInstance.start(services, { FEATURE_SESSION_REVOCATION: 'false' });
    started.push(actor);
    const session = await actor.open('ada');
    expect(await actor.store.revoke(session.token)).not.toBeNull();
    expect(actor.accepts(session)).toBe(true);
    expect(await actor.store.rotate(session.token)).toMatchObject({ kind: 'refused' });
  });
});
