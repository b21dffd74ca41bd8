import { type DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { Redis } from 'ioredis';
import { SystemClock } from '../../src/common/clock.js';
import { loadConfig } from '../../src/config/index.js';
import { DistributedCircuitBreakerService } from '../../src/core/circuit-breaker/distributed-circuit-breaker.service.js';
import { FleetCircuit } from '../../src/core/circuit-breaker/fleet-circuit.js';
import { type Breaker, CircuitBreaker, CircuitRefusedError } from '../../src/core/circuit-breaker/index.js';
import { ProtectedMethods } from '../../src/core/circuit-breaker/protected-methods.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const OPEN_MS = 400;
const NAME = 'backend';

/** What one process has: a breaker of the common name, with connections of its own. */
interface Instance {
  readonly breakers: DistributedCircuitBreakerService;
  readonly breaker: Breaker;
  close(): void;
}

/** Methods of one backend, marked and not. */
class Rates {
  calls = 0;

  @CircuitBreaker('rates', { minimumCalls: 1, fallback: 'known' })
  async fetch(currency: string): Promise<string> {
    this.calls += 1;
    await Promise.resolve();
    throw new Error(`no rate of ${currency}`);
  }

  @CircuitBreaker('rates')
  list(): Promise<number> {
    return Promise.resolve(this.calls);
  }

  known(currency: string): string {
    return `the last rate of ${currency}`;
  }
}

/** What takes real processes is in test/e2e/circuit-breaker-processes.e2e-spec.ts. */
describe('the distributed circuit breaker', () => {
  let services: TestServices;
  let redis: Redis;
  const started: Instance[] = [];

  const start = (env: Record<string, string> = {}, timeoutMs = 300): Instance => {
    const config = loadConfig(
      testEnvironment(services, {
        CIRCUIT_BREAKER_MINIMUM_CALLS: '4',
        CIRCUIT_BREAKER_OPEN_MS: String(OPEN_MS),
        CIRCUIT_BREAKER_OPEN_MAX_MS: String(OPEN_MS),
        CIRCUIT_BREAKER_PROBES: '2',
        CIRCUIT_BREAKER_QUORUM: '1',
        CIRCUIT_BREAKER_POLL_MS: '1000',
        ...env,
      }),
    );
    const [logger, metrics] = [createLogger('silent'), new Metrics()];
    const connections = new RedisService(config, logger, metrics);
    const breakers = new DistributedCircuitBreakerService(
      config,
      connections,
      new SystemClock(),
      logger,
      metrics,
    );
    const instance: Instance = {
      breakers,
      breaker: breakers.create(NAME, { timeoutMs }),
      close: () => {
        breakers.onApplicationShutdown();
        connections.onApplicationShutdown();
      },
    };
    started.push(instance);
    return instance;
  };
  const startFleet = async (count: number, env: Record<string, string> = {}): Promise<Instance[]> => {
    const fleet = Array.from({ length: count }, () => start(env));
    await waitFor('the fleet', () => fleet.every(({ breaker }) => breaker.report().isShared));
    return fleet;
  };
  const fail = async ({ breaker }: Instance, times = 4) => {
    for (let i = 0; i < times; i += 1)
      await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined);
  };
  const stateOf = ({ breaker }: Instance) => breaker.report().state;
  const isEverywhere = (fleet: readonly Instance[], state: string) =>
    fleet.every((instance) => stateOf(instance) === state);

  beforeAll(async () => {
    services = await startTestServices();
    redis = new Redis(services.redis.url, { maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
  });

  beforeEach(() => redis.flushall());

  afterEach(() => {
    for (const instance of started.splice(0)) instance.close();
  });

  afterAll(async () => {
    redis.disconnect();
    await services.close();
  });

  it('stands around the methods that are marked, with their fallback, by name', async () => {
    const { breakers } = start();
    const rates = new Rates();
    const discovery = { getProviders: () => [{ instance: rates }, { instance: null }, { instance: {} }] };
    new ProtectedMethods(
      discovery as unknown as DiscoveryService,
      new MetadataScanner(),
      new Reflector(),
      breakers,
    ).onModuleInit();
    expect(await rates.fetch('EUR')).toBe('the last rate of EUR');
    expect(await rates.fetch('EUR')).toBe('the last rate of EUR');
    expect(rates.calls).toBe(1);
    await expect(rates.list()).rejects.toBeInstanceOf(CircuitRefusedError);
    expect(() => breakers.create('rates')).toThrow('there is a circuit breaker rates already');
  });

  it('is found open by a process that starts later, which changes nothing', async () => {
    const [first] = (await startFleet(1, {
      CIRCUIT_BREAKER_OPEN_MS: '60000',
      CIRCUIT_BREAKER_OPEN_MAX_MS: '60000',
    })) as [Instance];
    await fail(first);
    await waitFor('the shared state', () => first.breaker.report().generation === 1);
    const late = start();
    await waitFor('the state to be known', () => stateOf(late) === 'open');
    const { retryAfterMs, generation } = late.breaker.report();
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect([generation, stateOf(first)]).toEqual([1, 'open']);
  });

  it('is not opened again by a process that has not heard yet that it was closed', async () => {
    const config = loadConfig(testEnvironment(services));
    const connections = new RedisService(config, createLogger('silent'), new Metrics());
    const options = {
      openMs: 1,
      openMaxMs: 1,
      openJitter: 0,
      probes: 1,
      quorum: 1,
      probeLeaseMs: 10_000,
      pollMs: 1000,
    };
    // Nobody listens: what it knows it has asked for.
    const member = (isTripped: boolean) =>
      new FleetCircuit(NAME, options, connections, String(isTripped), {
        isTripped: () => isTripped,
        decided: () => undefined,
        lost: (error) => {
          throw error;
        },
      });
    const [late, prompt] = [member(true), member(false)];
    try {
      await waitFor('the connection', () => connections.isReady('main'));
      await late.sync();
      expect(late.known.state).toBe('open');
      let leaseId: string | null = null;
      await waitFor('a probe', async () => (leaseId = (await prompt.lease())?.id ?? null) !== null);
      expect(await prompt.report(leaseId!, 'success')).toBe(true);
      await late.sync();
      expect(late.known).toMatchObject({ state: 'closed', generation: prompt.known.generation });
      await late.sync();
      expect(late.known.state).toBe('open');
    } finally {
      connections.onApplicationShutdown();
    }
  });

  it('sends at most two commands a second during an outage', async () => {
    const openMs = { CIRCUIT_BREAKER_OPEN_MS: '3000', CIRCUIT_BREAKER_OPEN_MAX_MS: '3000' };
    const [only] = (await startFleet(1, openMs)) as [Instance];
    const sent = async () =>
      Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(await redis.info('commandstats'))?.[1] ?? 0);
    const [before, fromMs] = [await sent(), performance.now()];
    await waitFor(
      'two open times',
      async () => {
        await fail(only, 50);
        return performance.now() > fromMs + 6500;
      },
      20_000,
    );
    const seconds = (performance.now() - fromMs) / 1000;
    expect(((await sent()) - before) / seconds).toBeLessThanOrEqual(2);
  });

  it('gives every key it writes a time to live, all in one slot', async () => {
    const fleet = await startFleet(2, { CIRCUIT_BREAKER_QUORUM: '2' });
    const [first, second] = fleet as [Instance, Instance];
    await fail(first);
    await waitFor('the vote', async () => (await redis.keys('*votes*')).length === 1);
    const votes = await redis.keys('caudal:breaker:*');
    await fail(second);
    await waitFor('the open circuit', () => isEverywhere(fleet, 'open'));
    await waitFor('a probe', async () => {
      first.breaker.execute(() => new Promise(() => undefined)).catch(() => undefined);
      return (await redis.keys('*leases*')).length === 1;
    });
    for (const key of await redis.keys('caudal:breaker:*'))
      expect([key, await redis.pttl(key)]).not.toEqual([key, -1]);
    const tags = [...votes, ...(await redis.keys('caudal:breaker:*'))].map((key) => /\{.*\}/.exec(key)?.[0]);
    expect([...new Set(tags)]).toEqual([`{breaker-${NAME}}`]);
  });

  it('keeps what was set when Redis loses its data', async () => {
    const [first, second] = (await startFleet(2, { CIRCUIT_BREAKER_POLL_MS: '100' })) as [Instance, Instance];
    await first.breakers.setMode(NAME, 'forced_open');
    await waitFor('the mode', () => second.breaker.report().mode === 'forced_open');
    await redis.flushall();
    await waitFor(
      'the state to be back',
      async () => (await redis.keys('caudal:breaker:state:*')).length === 1,
    );
    const late = start();
    await waitFor('the mode', () => late.breaker.report().mode === 'forced_open');
    expect(second.breaker.report().mode).toBe('forced_open');
  });

  it('protects each process by its own results while Redis is frozen or gone, and is shared again afterwards', async () => {
    const fleet = await startFleet(2, { REDIS_COMMAND_TIMEOUT_MS: '50', CIRCUIT_BREAKER_POLL_MS: '100' });
    const [first, second] = fleet as [Instance, Instance];
    for (const [lose, restore] of [
      [
        'SIGSTOP',
        () => {
          services.redis.kill('SIGCONT');
          return Promise.resolve();
        },
      ],
      ['SIGKILL', () => services.redis.restart()],
    ] as const) {
      services.redis.kill(lose);
      await waitFor('the loss to be noticed', () => fleet.every(({ breaker }) => !breaker.report().isShared));
      await fail(first);
      expect(stateOf(first)).toBe('open');
      await expect(first.breaker.execute(() => Promise.resolve())).rejects.toBeInstanceOf(
        CircuitRefusedError,
      );
      expect(await second.breaker.execute(() => Promise.resolve('served'))).toBe('served');
      // Alone, it recovers by probes of its own.
      await waitFor('the recovery', async () => {
        await first.breaker.execute(() => Promise.resolve()).catch(() => undefined);
        return stateOf(first) === 'closed';
      });
      await restore();
      await waitFor('Redis', () => fleet.every(({ breaker }) => breaker.report().isShared));
      await fail(first);
      await waitFor('the shared state', () => isEverywhere(fleet, 'open'));
      await first.breakers.setMode(NAME, 'automatic');
      await waitFor('the reset', () => isEverywhere(fleet, 'closed'));
    }
  });
});
