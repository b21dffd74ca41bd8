import { Redis } from 'ioredis';
import type { BreakerOptions } from '../../src/core/circuit-breaker/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { BreakerFleet } from '../support/breaker-fleet.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

/** Of a test, on a machine that does other things as well. */
const DEADLINE_MS = 180_000;
const PROCESSES = 8;
const NAME = 'backend';
const PROBES = 2;
const QUORUM = 3;
const OPTIONS: Partial<BreakerOptions> = {
  minimumCalls: 4,
  openMs: 400,
  openMaxMs: 400,
  openJitter: 0,
  probes: PROBES,
  quorum: 1,
  timeoutMs: 300,
};

describe('the circuit breaker of eight processes', () => {
  let services: TestServices;
  let redis: Redis;
  let fleet: BreakerFleet;

  const start = async (options: Partial<BreakerOptions>, pollMs: number): Promise<void> => {
    await redis.flushall();
    fleet = await BreakerFleet.start(
      PROCESSES,
      testEnvironment(services, { CIRCUIT_BREAKER_POLL_MS: String(pollMs) }),
      NAME,
      { ...OPTIONS, ...options },
    );
  };
  const commands = async (): Promise<number> =>
    Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(await redis.info('commandstats'))?.[1] ?? 0);

  beforeAll(async () => {
    services = await startTestServices();
    redis = new Redis(services.redis.url, { maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
  }, DEADLINE_MS);

  afterEach(() => fleet.close());

  afterAll(async () => {
    redis.disconnect();
    await services.close();
  });

  it(
    'is pushed to all when it opens in one, probed exactly as often as is wanted, and survives its probers',
    async () => {
      // Nobody would learn of anything by a poll in time.
      await start({}, 60_000);
      for (let turn = 0; turn < 10; turn += 1) {
        await fleet.at(turn).tell('call', 'failure', 4);
        await fleet.waitForState('open');
        expect(await fleet.recover()).toBe(PROBES);
      }

      await fleet.at(0).tell('call', 'failure', 4);
      await fleet.waitForState('open');
      const [killed, stopped, ...others] = fleet.members;
      if (killed === undefined || stopped === undefined) throw new Error('the fleet is too small');
      // Both take a probe; one dies in the middle of it, the other stands still. Neither is heard of again.
      void killed.probeAnd('SIGKILL');
      await waitFor('the first probe', () => !killed.isAlive);
      const late = stopped.probeAnd('SIGSTOP');
      await waitFor('the second probe', () => stopped.isStopped);
      // There is no third probe until one of the leases ends.
      expect(await fleet.recover(others)).toBe(PROBES);

      // The probe that stood still ends well: in an open period that is not its own.
      await fleet.at(2).tell('call', 'failure', 4);
      await fleet.waitForState('open', others);
      stopped.signal('SIGCONT');
      expect(await late).toBe(1);
      expect((await Promise.all(others.map((each) => each.state()))).includes('closed')).toBe(false);
      expect(await fleet.recover([stopped, ...others])).toBe(PROBES);
    },
    DEADLINE_MS,
  );

  it(
    'costs no command for a call, and polls once a second',
    async () => {
      await start({}, 1000);
      const [before, fromMs] = [await commands(), performance.now()];
      const made = await fleet.all((each) => each.tell('call', 'success', 20_000));
      expect(made).toEqual(fleet.members.map(() => 20_000));
      await fleet.at(0).tell('call', 'failure', 100_000);
      const seconds = (performance.now() - fromMs) / 1000;
      expect(await commands()).toBeLessThanOrEqual(before + 2 * PROCESSES * (seconds + 1));
    },
    DEADLINE_MS,
  );

  it(
    'opens by a quorum, and not by one poisoned process, however often it fails',
    async () => {
      await start({ quorum: QUORUM }, 1000);
      const [poisoned, second, third, ...others] = fleet.members;
      if (poisoned === undefined || second === undefined || third === undefined)
        throw new Error('the fleet is too small');
      const healthy = [second, third, ...others];
      await waitFor(
        'many openings of the poisoned process',
        async () => {
          await poisoned.tell('call', 'failure', 1);
          await Promise.all(healthy.map((each) => each.tell('call', 'success', 1)));
          return (await poisoned.tell('report')).openings >= 6;
        },
        30_000,
      );
      for (const each of healthy)
        expect(await each.tell('report')).toMatchObject({ state: 'closed', openings: 0 });

      await waitFor('the circuit of a second process', async () => {
        await second.tell('call', 'failure', 50);
        return (await second.tell('report')).openings > 0;
      });
      for (const each of [third, ...others]) expect(await each.state()).toBe('closed');
      await waitFor('the quorum', async () => {
        for (const each of [poisoned, second, third]) await each.tell('call', 'failure', 50);
        return (await Promise.all(others.map((each) => each.tell('report')))).every(
          ({ openings }) => openings > 0,
        );
      });
    },
    DEADLINE_MS,
  );
});
