import { Redis } from 'ioredis';
import { SessionRegionUnavailable, SessionStoreUnavailable } from '../../src/core/session/index.js';
import { whileFrozen } from '../support/redis-faults.js';
import { startTestServices, type Redis as Server, type TestServices } from '../support/services/index.js';
import { SessionInstance, tokenOf } from '../support/session-instance.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

const POLL_MS = 1000;
const REMOTE_DEADLINE_MS = 500;
/** The pause between two looks, the deadline of a command of another region, and what a busy machine takes. */
const STATED_DELAY_MS = POLL_MS + REMOTE_DEADLINE_MS + 2000;

/** Two regions with a Redis and two instances each; the links between them can be cut. */
describe('sessions of two regions', () => {
  let services: TestServices;
  let stores: { readonly eu: Server; readonly us: Server };
  /** From the one region to the Redis of the other. */
  let links: { readonly euToUs: TcpProxy; readonly usToEu: TcpProxy };
  let [eu, eu2, us, us2]: SessionInstance[] = [];
  const started: SessionInstance[] = [];

  const start = async (region: 'eu' | 'us', env: Record<string, string> = {}) => {
    const [own, other, link] =
      region === 'eu'
        ? ([stores.eu, 'us', links.euToUs] as const)
        : ([stores.us, 'eu', links.usToEu] as const);
    const instance = await SessionInstance.start(
      { databaseUrl: services.databaseUrl, redis: { url: own.url } },
      {
        REGION: region,
        REDIS_SESSION_REGIONS: `${region}=redis://ignored:1,${other}=redis://127.0.0.1:${String(link.port)}`,
        REDIS_SESSION_REGIONS_TIMEOUT_MS: String(REMOTE_DEADLINE_MS),
        SESSION_REVOCATION_POLL_MS: String(POLL_MS),
        ...env,
      },
    );
    started.push(instance);
    await waitFor(
      'the other region',
      async () => (await instance.store.list('x')).missingRegions.length === 0,
    );
    await instance.listen();
    return instance;
  };
  const fleet = () => [eu!, eu2!, us!, us2!];
  const isRefusedBy = (instances: SessionInstance[], session: Parameters<SessionInstance['accepts']>[0]) =>
    waitFor('the end to be known', () => !instances.some((each) => each.accepts(session)), STATED_DELAY_MS);
  const keysOf = async (server: Server): Promise<number> => {
    const connection = new Redis(server.url);
    const keys = await connection.keys('caudal:session:book:*');
    connection.disconnect();
    return keys.length;
  };

  beforeEach(async () => {
    services = await startTestServices();
    stores = { eu: services.redis, us: await services.startAnotherRedis() };
    links = { euToUs: await TcpProxy.start(stores.us.port), usToEu: await TcpProxy.start(stores.eu.port) };
    [eu, eu2, us, us2] = [await start('eu'), await start('eu'), await start('us'), await start('us')];
  });

  afterEach(async () => {
    for (const each of started.splice(0)) await each.close();
    for (const link of Object.values(links)) link.close();
    await services.close();
  });

  it('are read, used and refreshed from either, and live in the one they were opened in', async () => {
    const opened = await eu!.open('ada');
    expect(opened.token).toMatch(/^eu\.[\w-]{76}$/);
    expect(opened.sessionId).toMatch(/^eu\.[\w-]{22}$/);
    const issued = tokenOf(await us!.store.rotate(opened.token));
    expect(issued).toMatchObject({
      sessionId: opened.sessionId,
      subject: 'ada',
      openedAtMs: opened.openedAtMs,
    });
    expect(await us2!.store.confirm('ada', issued.sessionId)).toBe(true);
    us!.activity.note('ada', issued.sessionId);
    await waitFor(
      'the note',
      async () => (await us!.metric('session_touches_total{result="skipped"}')) === 1,
    );
    const here = await us!.open('ada');
    for (const instance of fleet()) {
      const { sessions, missingRegions } = await instance.store.list('ada');
      expect(sessions.map(({ sessionId }) => sessionId).sort()).toEqual(
        [opened.sessionId, here.sessionId].sort(),
      );
      expect(missingRegions).toEqual([]);
    }
    expect([await keysOf(stores.eu), await keysOf(stores.us)]).toEqual([1, 1]);
    // The family is one: the former token is a reuse, wherever it comes, and ends the session everywhere.
    expect(await us2!.store.rotate(opened.token)).toMatchObject({ kind: 'refused', reason: 'reused' });
    expect(await eu2!.store.rotate(issued.token)).toMatchObject({ kind: 'refused', reason: 'unknown' });
    await isRefusedBy(fleet(), issued);
  });

  it('end in both, one by one and all at once, within the stated delay', async () => {
    const [byToken, byId, kept] = [await eu!.open('ada'), await eu!.open('ada'), await us!.open('ada')];
    expect(await us!.store.revoke(byToken.token)).not.toBeNull();
    expect(await us!.store.revokeSession('ada', byId.sessionId)).toBe(true);
    expect(await us!.store.revokeSession('eve', kept.sessionId)).toBe(false);
    for (const session of [byToken, byId]) {
      expect(us!.accepts(session)).toBe(false);
      await isRefusedBy(fleet(), session);
    }
    expect(fleet().map((each) => each.accepts(kept))).toEqual([true, true, true, true]);

    const sessions = [kept, await eu!.open('ada'), await us!.open('ada')];
    expect(await eu2!.store.revokeAll('ada')).toBe(3);
    for (const session of sessions) {
      await isRefusedBy(fleet(), session);
      expect((await us!.store.rotate(session.token)).kind).toBe('refused');
    }
    // Whoever logs in afterwards is not meant, whatever the clocks of the two regions say.
    for (const instance of fleet()) {
      const later = await instance.open('ada');
      expect(fleet().map((each) => each.accepts(later))).toEqual([true, true, true, true]);
    }
  });

  it('are found ended within the stated delay when the message between the regions is lost', async () => {
    const [one, two] = [await eu!.open('ada'), await eu!.open('eve')];
    links.usToEu.cut();
    expect(await eu!.store.revoke(one.token)).not.toBeNull();
    expect(await eu!.store.revokeAll('eve')).toBe(1);
    // Whoever cannot know of it accepts the access token until it expires; no longer than that.
    expect([us!.accepts(one), us!.accepts(two)]).toEqual([true, true]);
    // What could not be sent has changed nothing.
    const three = await eu!.open('bob');
    await expect(us!.store.rotate(three.token)).rejects.toBeInstanceOf(SessionRegionUnavailable);
    links.usToEu.restore();
    await isRefusedBy([us!, us2!], one);
    await isRefusedBy([us!, us2!], two);
    await waitFor('the link', () => us!.store.confirm('bob', three.sessionId).catch(() => false));
    expect((await us!.store.rotate(three.token)).kind).toBe('rotated');
  });

  it.each(['frozen', 'killed'] as const)(
    'cannot be changed from the other while their home is %s: refused, never forked',
    async (fault) => {
      const [home, here] = [await eu!.open('ada'), await us!.open('ada')];
      const unavailable = async (work: Promise<unknown>) => {
        const error: unknown = await work.catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(SessionRegionUnavailable);
        expect(error).toMatchObject({ status: 503, options: { extensions: { region: 'eu' } } });
      };
      const whileAway = async () => {
        await unavailable(us!.store.rotate(home.token));
        await unavailable(us2!.store.revoke(home.token));
        await unavailable(us!.store.revokeSession('ada', home.sessionId));
        await unavailable(us!.store.confirm('ada', home.sessionId));
        expect(fleet().map((each) => each.accepts(home))).toEqual([true, true, true, true]);
        const { sessions, missingRegions } = await us2!.store.list('ada');
        expect(sessions.map(({ sessionId }) => sessionId)).toEqual([here.sessionId]);
        expect(missingRegions).toEqual(['eu']);
        // Their own sessions are as usual, and ending everything ends what it can and says what it could not.
        const kept = tokenOf(await us!.store.rotate(here.token));
        await unavailable(us2!.store.revokeAll('ada'));
        expect(await us!.store.rotate(kept.token)).toMatchObject({ kind: 'refused' });
        await isRefusedBy([us!, us2!], kept);
        await us!.open('ada');
        expect(await keysOf(stores.us)).toBe(1);
      };
      if (fault === 'frozen') await whileFrozen(stores.eu, whileAway);
      else {
        stores.eu.kill('SIGKILL');
        await stores.eu.waitForExit();
        await whileAway();
        await expect(eu!.open('ada')).rejects.toBeInstanceOf(SessionStoreUnavailable);
        await stores.eu.restart();
      }
      // Repeated once the home is back, it holds everywhere.
      await waitFor('the home', () =>
        us2!.store.revokeAll('ada').then(
          () => true,
          () => false,
        ),
      );
      await waitFor('its own instances', () => eu!.store.list('ada').then(Boolean, () => false));
      expect(await eu!.store.rotate(home.token)).toMatchObject({ kind: 'refused', reason: 'unknown' });
      await isRefusedBy(fleet(), home);
    },
    30_000,
  );

  it('are unknown where nobody has heard of their region', async () => {
    const { token, sessionId, subject } = await eu!.open('ada');
    const stranger = await start('us', { REDIS_SESSION_REGIONS: '' });
    expect(await stranger.store.rotate(token)).toMatchObject({ kind: 'refused', reason: 'unknown' });
    expect(await stranger.store.confirm(subject, sessionId)).toBe(false);
    expect(await stranger.store.revoke(token)).toBeNull();
    expect((await eu!.store.rotate(token)).kind).toBe('rotated');
  });

  it('bear no mark in a region that was never named, and are found there from the others', async () => {
    const unnamed = await start('eu', { REGION: 'local', REDIS_SESSION_REGIONS: '' });
    const opened = await unnamed.open('ada');
    expect(opened.token).toMatch(/^[\w-]{76}$/);
    const other = await start('us', {
      REDIS_SESSION_REGIONS: `local=redis://127.0.0.1:${String(links.usToEu.port)}`,
    });
    const issued = tokenOf(await other.store.rotate(opened.token));
    expect(await unnamed.store.revokeAll('ada')).toBe(1);
    await isRefusedBy([unnamed, other], issued);
    // Named later, it still takes them for its own.
    const again = await unnamed.open('ada');
    expect(await eu!.store.confirm('ada', again.sessionId)).toBe(true);
    await eu2!.store.revokeAll('ada');
    await isRefusedBy([eu!, eu2!, unnamed, other], again);
  });
});

describe('sessions of one region', () => {
  it('cost one command an operation, and looks of sixteen', async () => {
    const services = await startTestServices();
    const instance = await SessionInstance.start(services, { SESSION_REVOCATION_POLL_MS: '60000' });
    const admin = new Redis(services.redis.url);
    const connections = async () => String(await admin.client('LIST')).match(/name=caudal-/g)?.length;
    const calls = async (): Promise<Record<string, number>> => {
      const stats = await admin.info('commandstats');
      return Object.fromEntries(
        [...stats.matchAll(/cmdstat_(eval|evalsha|publish|zrange|subscribe|hgetall):calls=(\d+)/g)].map(
          ([, name, count]) => [String(name), Number(count)] as const,
        ),
      );
    };
    try {
      // Every script is loaded before anything is counted.
      const first = await instance.open('ada');
      const second = tokenOf(await instance.store.rotate(first.token));
      await instance.store.confirm('ada', second.sessionId);
      await instance.store.revoke(second.token);
      const steps: [string, () => Promise<unknown>][] = [
        ['create', () => instance.open('ada')],
        ['list', () => instance.store.list('ada')],
        ['confirm', () => instance.store.confirm('ada', first.sessionId)],
        ['revoke', () => instance.store.revokeSession('ada', first.sessionId)],
        ['revoke all', () => instance.store.revokeAll('ada')],
      ];
      for (const [, run] of steps) {
        const before = (await calls())['evalsha'] ?? 0;
        await run();
        expect(((await calls())['evalsha'] ?? 0) - before).toBe(1);
      }
      expect(await connections()).toBe(1);
      await admin.config('RESETSTAT');
      await instance.listen();
      await waitFor('both looks', async () => ((await calls())['zrange'] ?? 0) >= 32);
      expect(await calls()).toEqual({ zrange: 32, subscribe: 1 });
    } finally {
      admin.disconnect();
      await instance.close();
      await services.close();
    }
  });
});
