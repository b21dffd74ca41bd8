import { join } from 'node:path';
import type { AuditEvent } from '../../src/core/audit-log/index.js';
import type { BreakerOptions } from '../../src/core/circuit-breaker/index.js';
import { redisKeys } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { BreakerFleet, BreakerMember } from '../support/breaker-fleet.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { waitFor } from '../support/wait-for.js';

/** Of a test, on a machine that does other things as well. */
const DEADLINE_MS = 180_000;
const RECOVERY_DEADLINE_MS = 60_000;
/** A process that misses it decides alone, and probes alone: beyond what a disk under load takes. */
const COMMAND_TIMEOUT_MS = 3000;
const NAME = 'backend';
const PROBES = 2;
const PARTITIONS = 3;
const OPTIONS: Partial<BreakerOptions> = {
  minimumCalls: 4,
  openMs: 400,
  openMaxMs: 400,
  probes: PROBES,
  quorum: 1,
  // The lease of a probe follows from it, and must not end while the machine is busy.
  timeoutMs: COMMAND_TIMEOUT_MS,
};

const event = (n: number): AuditEvent => ({
  class: 'security',
  actor: 'system:test',
  action: 'thing.changed',
  resource: `thing:${String(n % 7)}`,
  after: { n },
});

/** The circuit breaker and the audit log; sessions and limits have such tests with their own. */
describe('on a Redis of several servers', () => {
  let services: TestServices;
  let database: Shop;
  let directory: string;
  let fleet: BreakerFleet;
  let audits: AuditLogUnderTest[];

  beforeEach(async () => {
    services = await startTestServices();
    database = new Shop(services.databaseUrl);
    directory = temporaryFolder('caudal-spool');
  });

  afterEach(async () => {
    await fleet.close();
    await Promise.all(audits.map((audit) => audit.close()));
    await database.close();
    await services.close();
  });

  const environmentOf = (url: string) =>
    testEnvironment(
      { databaseUrl: services.databaseUrl, redis: { url } },
      { CIRCUIT_BREAKER_POLL_MS: '200', REDIS_COMMAND_TIMEOUT_MS: String(COMMAND_TIMEOUT_MS) },
    );
  const start = async (url: string): Promise<void> => {
    fleet = await BreakerFleet.start(3, environmentOf(url), NAME, OPTIONS);
    audits = await Promise.all(
      ['one', 'two'].map((name) =>
        AuditLogUnderTest.start(
          { databaseUrl: services.databaseUrl, redis: { url } },
          {
            AUDIT_PARTITIONS: String(PARTITIONS),
            AUDIT_SPOOL_DIR: join(directory, name),
            REDIS_COMMAND_TIMEOUT_MS: String(COMMAND_TIMEOUT_MS),
          },
        ),
      ),
    );
    await waitFor(
      'every partition to be owned',
      () => audits.reduce((sum, { consumer }) => sum + consumer.ownedCount, 0) === PARTITIONS,
      RECOVERY_DEADLINE_MS,
    );
  };
  /** Every event is acknowledged, by Redis or by the disk. */
  const record = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 1)
      expect(['redis', 'disk']).toContain(await audits[n % audits.length]?.log.record(event(n)));
  };
  const numbers = async (): Promise<number[]> => {
    const rows = await database.rows<{ n: number }>(
      "SELECT (details -> 'after' ->> 'n')::integer AS n FROM audit_entries ORDER BY n",
    );
    return rows.map(({ n }) => n);
  };
  const expectEveryEventOnce = async (count: number): Promise<void> => {
    await waitFor('every event', async () => new Set(await numbers()).size === count, RECOVERY_DEADLINE_MS);
    expect(await numbers()).toEqual(Array.from({ length: count }, (_, n) => n));
    for (const { producer } of audits)
      await waitFor('the spool to empty', () => producer.spoolBytes === 0, RECOVERY_DEADLINE_MS);
    const [audit] = audits;
    const { checkpoints = [] } = (await audit?.checkpoints.read()) ?? {};
    for (const chain of (await audit?.verifier.chains(checkpoints)) ?? [])
      expect((await audit?.verifier.verify(chain, checkpoints))?.fault).toBeNull();
  };
  const openAndRecover = async (turn: number): Promise<void> => {
    await fleet.at(turn).tell('call', 'failure', 4);
    await fleet.waitForState('open');
    expect(await fleet.recover()).toBe(PROBES);
  };

  it(
    'a Cluster: they follow their slots to other nodes, and survive the death of one',
    async () => {
      const cluster = await services.startRedisCluster({
        settings: { appendonly: 'yes', appendfsync: 'always' },
      });
      await start(cluster.url);
      await openAndRecover(0);
      const key = redisKeys.breakerState(NAME);
      const owner = await cluster.nodeOf(key);
      const other = cluster.nodes.find((node) => node !== owner);
      if (other === undefined) throw new Error('the cluster has one node');
      await cluster.moveSlotOf(key, other, () => record(0, 50));
      await openAndRecover(1);

      other.kill();
      await other.waitForExit();
      await record(50, 50);
      await waitFor(
        'the loss to be noticed',
        async () => (await fleet.all((each) => each.tell('report'))).every(({ isShared }) => !isShared),
        RECOVERY_DEADLINE_MS,
      );
      // Alone, each by its own results.
      await fleet.at(0).tell('call', 'failure', 4);
      expect(await fleet.at(0).state()).toBe('open');
      expect(await fleet.at(1).state()).toBe('closed');
      await other.restart();
      await cluster.waitUntilAgreed();
      await fleet.waitUntilShared();
      await fleet.recover();
      await openAndRecover(2);
      await record(100, 50);
      await expectEveryEventOnce(150);
    },
    DEADLINE_MS,
  );

  it(
    'behind sentinels: they follow a failover with what they know',
    async () => {
      const sentinel = await services.startRedisSentinel();
      await start(sentinel.url);
      await openAndRecover(0);
      await fleet.at(0).tell('setMode', 'forced_open');
      const isForced = async () =>
        (await fleet.all((each) => each.tell('report'))).every(({ mode }) => mode === 'forced_open');
      await waitFor('the mode everywhere', isForced);
      await record(0, 50);
      // What a failover may lose is what the replica has not had; this much is in PostgreSQL.
      await waitFor('the first events', async () => (await numbers()).length === 50, RECOVERY_DEADLINE_MS);

      const old = await sentinel.master();
      old.kill();
      await old.waitForExit();
      expect(await isForced()).toBe(true);
      await record(50, 50);
      await waitFor('another master', async () => (await sentinel.master()) !== old, RECOVERY_DEADLINE_MS);
      await fleet.waitUntilShared();
      expect(await isForced()).toBe(true);
      const late = await BreakerMember.start(environmentOf(sentinel.url), NAME);
      try {
        await late.tell('create', OPTIONS);
        await waitFor(
          'the mode to be known to a process that comes later',
          async () => (await late.tell('report')).mode === 'forced_open',
          RECOVERY_DEADLINE_MS,
        );
      } finally {
        await late.kill();
      }
      await fleet.at(1).tell('setMode', 'automatic');
      await fleet.waitForState('closed');
      await openAndRecover(2);
      await record(100, 50);
      await expectEveryEventOnce(150);
    },
    DEADLINE_MS,
  );
});
