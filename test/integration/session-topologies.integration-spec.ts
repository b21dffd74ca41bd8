import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { onServer } from '../support/redis-faults.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { SessionInstance, tokenOf } from '../support/session-instance.js';
import { waitFor } from '../support/wait-for.js';

const POLL_MS = 1000;
const INSTANCES = 4;
const LIMIT = 5;
const PEOPLE = Array.from({ length: 20 }, (_, i) => `user-${String(i)}`);
/** The pause between two looks, the deadline of a command, and what a busy machine takes. */
const STATED_DELAY_MS = POLL_MS + 1000 + 2000;

/** What holds on one Redis holds on a cluster of them, and where sentinels replace the master. */
describe('sessions', () => {
  let services: TestServices;
  const started: SessionInstance[] = [];

  const startFleet = async (url: string, count: number) => {
    const fleet: SessionInstance[] = [];
    for (let i = 0; i < count; i += 1) {
      const instance = await SessionInstance.start(
        { databaseUrl: services.databaseUrl, redis: { url } },
        { SESSION_REVOCATION_POLL_MS: String(POLL_MS), SESSIONS_PER_USER_MAX: String(LIMIT) },
      );
      started.push(instance);
      fleet.push(instance);
      await instance.listen();
    }
    return fleet as [SessionInstance, SessionInstance, ...SessionInstance[]];
  };
  const refusedBy = (fleet: SessionInstance[], ...sessions: Parameters<SessionInstance['accepts']>[0][]) =>
    waitFor(
      'the ends to be known',
      () => !fleet.some((each) => sessions.some((session) => each.accepts(session))),
      STATED_DELAY_MS,
    );

  beforeAll(async () => {
    services = await startTestServices();
  });

  afterEach(async () => {
    for (const each of started.splice(0)) await each.close();
  });

  afterAll(() => services.close());

  it('on a cluster are opened, exchanged and ended by any instance, and keep the limit exactly', async () => {
    const cluster = await services.startRedisCluster();
    const fleet = await startFleet(cluster.url, INSTANCES);
    const at = (index: number) => fleet[index % INSTANCES]!;

    // On every node of the cluster: twenty people lie in several of the sixteen slots.
    const opened = await Promise.all(PEOPLE.map((subject, i) => at(i).open(subject)));
    const owners = await Promise.all(
      Array.from({ length: 16 }, (_, shard) => cluster.nodeOf(redisKeys.sessionEnds(shard.toString(16)))),
    );
    expect(new Set(owners).size).toBe(3);
    const exchanged = await Promise.all(
      opened.map(async ({ token }, i) => tokenOf(await at(i + 1).store.rotate(token))),
    );
    const [byToken, byAll, kept] = [exchanged.slice(0, 7), exchanged.slice(7, 14), exchanged.slice(14)];
    for (const { token, subject } of byToken) expect(await at(2).store.revoke(token)).toBe(subject);
    for (const { subject } of byAll) expect(await at(3).store.revokeAll(subject)).toBe(1);
    await refusedBy(fleet, ...byToken, ...byAll);
    expect(kept.every((session) => fleet.every((each) => each.accepts(session)))).toBe(true);
    expect(await at(0).metric('session_revocations_learned_total{source="push"}')).toBeGreaterThan(0);
    for (const { token } of [...byToken, ...byAll])
      expect(await at(1).store.rotate(token)).toMatchObject({ kind: 'refused' });

    const logIns = await Promise.all(Array.from({ length: 100 }, (_, i) => at(i).open('ada')));
    const { sessions } = await at(1).store.list('ada');
    expect(sessions).toHaveLength(LIMIT);
    const results = await Promise.all(logIns.map(({ token }, i) => at(i + 1).store.rotate(token)));
    expect(results.filter(({ kind }) => kind === 'rotated')).toHaveLength(LIMIT);

    // A slot that moves takes its books along: nothing is lost, and nothing comes back.
    const [first] = kept;
    const alive = kept.map(({ token }) => token);
    for (const shard of Array.from({ length: 16 }, (_, i) => i.toString(16))) {
      const key = redisKeys.sessionEnds(shard);
      const from = await cluster.nodeOf(key);
      const to = cluster.nodes.find((node) => node !== from)!;
      await cluster.moveSlotOf(key, to);
    }
    expect(await at(0).store.confirm(first!.subject, first!.sessionId)).toBe(true);
    const moved = await Promise.all(alive.map((token, i) => at(i).store.rotate(token)));
    expect(moved.filter(({ kind }) => kind === 'rotated')).toHaveLength(alive.length);
    for (const { token } of byToken) expect((await at(0).store.rotate(token)).kind).toBe('refused');
  }, 60_000);

  it('behind sentinels survive the master, and what was ended and replicated stays ended', async () => {
    const sentinel = await services.startRedisSentinel();
    const fleet = await startFleet(sentinel.url, 2);
    const [actor, observer] = fleet;
    const [ended, endedAll, alive] = [
      await actor.open('ada'),
      await actor.open('eve'),
      await actor.open('bob'),
    ];
    await actor.store.revoke(ended.token);
    await actor.store.revokeAll('eve');
    const next = tokenOf(await actor.store.rotate(alive.token));
    await refusedBy([observer], ended, endedAll);
    const old = await sentinel.master();
    const heir = sentinel.servers.find((server) => server !== old)!;
    const offsetOf = async (url: string, field: string) =>
      Number(
        new RegExp(`^${field}:(\\d+)`, 'm').exec(
          await onServer(url, (server) => server.info('replication')),
        )?.[1],
      );
    // Replication is not waited for by us: what the replica does not have when the master dies is lost.
    const writtenAt = await offsetOf(old.url, 'master_repl_offset');
    await waitFor('the replica', async () => (await offsetOf(heir.url, 'slave_repl_offset')) >= writtenAt);
    old.kill('SIGKILL');
    await waitFor('another master', async () => (await sentinel.master()) !== old, 30_000);
    await waitFor(
      'both instances on it',
      async () =>
        (
          await Promise.all(
            fleet.map(({ store }) => store.confirm(next.subject, next.sessionId).catch(() => false)),
          )
        ).every(Boolean),
      30_000,
    );

    for (const { token } of [ended, endedAll])
      expect(await observer.store.rotate(token)).toMatchObject({ kind: 'refused', reason: 'unknown' });
    expect(fleet.map((each) => each.accepts(ended) || each.accepts(endedAll))).toEqual([false, false]);
    // Who starts now learns from the new master what ended on the old one.
    const [newcomer] = await startFleet(sentinel.url, 1);
    expect([ended, endedAll, next].map((session) => newcomer.accepts(session))).toEqual([false, false, true]);
    const last = tokenOf(await observer.store.rotate(next.token));
    expect(await observer.store.rotate(next.token)).toMatchObject({ kind: 'refused', reason: 'reused' });
    await refusedBy([...fleet, newcomer], last);
    const again = await actor.open('bob');
    expect(await observer.store.revokeAll('bob')).toBe(1);
    await refusedBy([...fleet, newcomer], again);
  }, 90_000);
});
