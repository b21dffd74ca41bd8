import fc from 'fast-check';
import { Redis } from 'ioredis';
import type { IssuedToken } from '../../src/core/session/index.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { SessionInstance } from '../support/session-instance.js';

const INSTANCES = 4;
const RACES = 10_000;
/** As many people log out at once. */
const CROWD = 100;

/** What a request does to its session, in the order in which it does it; between any two steps others may act. */
const REQUESTS = {
  use: ['list', 'confirm'],
  refresh: ['confirm', 'rotate'],
  refreshTwice: ['rotate', 'rotate'],
  note: ['touch'],
} as const;
type Step = (typeof REQUESTS)[keyof typeof REQUESTS][number];

describe('a session that is ended while others use it', () => {
  let services: TestServices;
  let instances: SessionInstance[];
  let redis: Redis;

  beforeAll(async () => {
    services = await startTestServices();
    instances = await Promise.all(
      Array.from({ length: INSTANCES }, () =>
        SessionInstance.start(services, { SESSION_TOUCH_INTERVAL_SECONDS: '1' }),
      ),
    );
    redis = new Redis(services.redis.url);
  });

  afterAll(async () => {
    redis.disconnect();
    for (const instance of instances) await instance.close();
    await services.close();
  });

  const instanceAt = (index: number) => instances[index % INSTANCES]!;
  const books = () => redis.keys('caudal:session:book:*');

  /** The holder of a session: whoever of its requests has the latest token. */
  const takeStep = async (
    holder: { session: IssuedToken },
    step: Step,
    on: SessionInstance,
  ): Promise<void> => {
    const { subject, sessionId, token } = holder.session;
    switch (step) {
      case 'list':
        await on.store.list(subject);
        return;
      case 'confirm':
        await on.store.confirm(subject, sessionId);
        return;
      case 'touch':
        on.activity.note(subject, sessionId);
        return;
      case 'rotate': {
        const rotation = await on.store.rotate(token);
        if (rotation.kind === 'rotated') holder.session = rotation.issued;
      }
    }
  };

  it('stays ended in every order of the steps of requests and a log-out', async () => {
    const requests = fc.array(
      fc.constantFrom<keyof typeof REQUESTS>('use', 'refresh', 'refreshTwice', 'note'),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const ending = fc.constantFrom<'one' | 'all' | 'log-out'>('one', 'all', 'log-out');
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), requests, ending, async (schedule, kinds, how) => {
        const holder = { session: await instanceAt(0).open('ada') };
        const other = await instanceAt(1).open('ada');
        const { sessionId, subject } = holder.session;
        for (const [index, kind] of kinds.entries())
          schedule.scheduleSequence(
            REQUESTS[kind].map((step) => () => takeStep(holder, step, instanceAt(index))),
          );
        schedule.scheduleSequence([
          async () => {
            const { store } = instanceAt(3);
            if (how === 'log-out') await store.revoke(holder.session.token);
            else if (how === 'one') await store.revokeSession(subject, sessionId);
            else await store.revokeAll(subject);
          },
        ]);
        await schedule.waitIdle();
        const left = (await instanceAt(2).store.list(subject)).sessions.map((each) => each.sessionId);
        expect(left).toEqual(how === 'all' ? [] : [other.sessionId]);
        expect(await instanceAt(1).store.rotate(holder.session.token)).toMatchObject({ kind: 'refused' });
        expect(instanceAt(3).accepts(holder.session)).toBe(false);
        await instanceAt(0).store.revokeAll(subject);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  it(`stays ended in ${String(RACES)} races of a log-out with a refresh, a use and a note of it`, async () => {
    await redis.flushall();
    let survivors = 0;
    let won = 0;
    for (let start = 0; start < RACES; start += CROWD) {
      await Promise.all(
        Array.from({ length: CROWD }, async (_, index) => {
          const [one, two, three] = [instanceAt(index), instanceAt(index + 1), instanceAt(index + 2)];
          const session = await one.open(`user-${String(index)}`);
          const { subject, sessionId, token } = session;
          const logOut = () => one.store.revoke(token);
          const refresh = () => two.store.rotate(token);
          const use = () => three.store.confirm(subject, sessionId);
          three.activity.note(subject, sessionId);
          // Each begins first in a third of the races.
          const order = [
            [logOut, refresh, use],
            [refresh, use, logOut],
            [use, logOut, refresh],
          ][(start / CROWD + index) % 3]!;
          const answers = await Promise.all(order.map((each) => each()));
          const rotation = answers.find((each) => typeof each === 'object');
          if (rotation?.kind === 'rotated') won += 1;
          const last = rotation?.kind === 'rotated' ? rotation.issued.token : token;
          if ((await two.store.rotate(last)).kind === 'rotated') survivors += 1;
        }),
      );
    }
    expect(survivors).toBe(0);
    // The race is one: some refreshes came before the log-out, some after it.
    expect(won).toBeGreaterThan(100);
    expect(won).toBeLessThan(RACES);
    expect(await books()).toEqual([]);
    expect(await instanceAt(0).census.countUsers()).toBe(0);
  }, 120_000);
});
