import { AdmissionKeeper, AdmissionLedger } from '../../src/core/admission/index.js';
import { IdempotencyScope, IdempotencyStore } from '../../src/core/idempotency/index.js';
import { SystemClock } from '../../src/common/clock.js';
import { newId } from '../../src/common/ids.js';
import { type AppConfig, loadConfig } from '../../src/config/index.js';
import { JobRunner } from '../../src/core/jobs/index.js';
import { OptimizedPrismaService } from '../../src/infrastructure/database/prisma/index.js';
import { createLogger } from '../../src/infrastructure/logging/index.js';
import { Metrics } from '../../src/infrastructure/metrics/index.js';
import { redisKeys, RedisService } from '../../src/infrastructure/redis/index.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const ROUTE = 'POST /orders';
const FINGERPRINT = Buffer.alloc(32);

/** What one process of a fleet has of the mechanism. */
class Member {
  readonly redis: RedisService;
  readonly database: OptimizedPrismaService;
  readonly ledger: AdmissionLedger;
  readonly keeper: AdmissionKeeper;
  private readonly idempotency = new IdempotencyStore();

  constructor(config: AppConfig) {
    const [logger, metrics, clock] = [createLogger('silent'), new Metrics(), new SystemClock()];
    this.redis = new RedisService(config, logger, metrics);
    this.redis.client('main');
    this.database = new OptimizedPrismaService(config, logger, metrics);
    this.ledger = new AdmissionLedger(this.redis, this.database, clock);
    const jobs = new JobRunner(config, this.database, clock, logger, metrics);
    this.keeper = new AdmissionKeeper(this.redis, this.database, this.ledger, jobs, logger);
  }

  /** Admits a key as a batch of orders does: note and check, record, commit. */
  async admit(scope: IdempotencyScope): Promise<void> {
    for (;;) {
      const isAdmitted = await this.database.sqlTransaction(async (transaction) => {
        if (!(await this.ledger.mayAdmit(transaction, [scope.digest])).mayAdmit) return false;
        await this.idempotency.record(transaction, [
          { scope, fingerprint: FINGERPRINT, status: 201, body: '{}' },
        ]);
        return true;
      });
      if (isAdmitted) return;
      await this.ledger.breakEpoch();
    }
  }

  async close(): Promise<void> {
    this.redis.onApplicationShutdown();
    await this.database.onApplicationShutdown();
  }
}

async function epochOf({ database }: Member): Promise<string | null> {
  const state = await database.write.admissionState.findUnique({ where: { id: 1 } });
  return state?.epoch ?? null;
}

describe('the admission ledger', () => {
  let services: TestServices;
  let members: [Member, Member];
  const newScope = () => new IdempotencyScope(newId(), ROUTE, 'key');

  beforeEach(async () => {
    services = await startTestServices();
    const config = loadConfig(testEnvironment(services));
    members = [new Member(config), new Member(config)];
    await waitFor('Redis', () =>
      members.every(({ redis }) => redis.runIdOf('main', redisKeys.admissionEpoch()) !== null),
    );
  });

  afterEach(async () => {
    await Promise.all(members.map((member) => member.close()));
    await services.close();
  });

  const waitForTrust = (member: Member) =>
    waitFor('a trusted epoch', () => member.ledger.isKnownNew(newScope().digest));

  it('knows nothing before the first epoch, and a new key is new after it', async () => {
    const [first] = members;
    expect(await first.ledger.isKnownNew(newScope().digest)).toBe(false);
    expect(await first.keeper.keep()).toBe(true);
    await waitForTrust(first);
    expect(await first.keeper.keep()).toBe(false);
  });

  it('never calls a key new that another process admitted', async () => {
    const [first, second] = members;
    await first.keeper.keep();
    await waitForTrust(second);
    const scope = newScope();
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(true);
    await first.admit(scope);
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(false);
  });

  it('remembers what was admitted before Redis lost everything', async () => {
    const [first, second] = members;
    await first.keeper.keep();
    const scope = newScope();
    await first.admit(scope);
    await waitForTrust(second);
    await first.redis.client('main').flushall();
    expect(await second.ledger.isKnownNew(newScope().digest)).toBe(false);
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(false);
    expect(await first.keeper.keep()).toBe(true);
    await waitForTrust(second);
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(false);
  });

  it('trusts nothing that a restarted Redis says until every key is noted anew', async () => {
    const [first, second] = members;
    await first.keeper.keep();
    await waitForTrust(second);
    await services.redis.restart();
    await waitFor('the new server', () =>
      members.every(({ redis }) => redis.runIdOf('main', redisKeys.admissionEpoch()) !== null),
    );
    expect(await second.ledger.isKnownNew(newScope().digest)).toBe(false);
    const scope = newScope();
    await first.admit(scope);
    await first.keeper.keep();
    await waitForTrust(second);
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(false);
  });

  it('ends the trust of every process before a key is admitted that could not be noted', async () => {
    const [first, second] = members;
    await first.keeper.keep();
    await waitForTrust(second);
    // The first process alone loses its Redis; the second still has the notes, and its lease.
    first.redis.client('main').disconnect();
    const scope = newScope();
    const wrongs: string[] = [];
    const admission = { isCommitted: false };
    const watch = (async () => {
      while (!admission.isCommitted) await second.ledger.isKnownNew(scope.digest);
    })();
    await first.admit(scope);
    if (await second.ledger.isKnownNew(scope.digest)) wrongs.push('called new after its admission');
    admission.isCommitted = true;
    await watch;
    expect(wrongs).toEqual([]);
    await second.keeper.keep();
    await waitForTrust(second);
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(false);
  });

  it('waits for the transactions of the old epoch before it declares a new one', async () => {
    const [first, second] = members;
    await first.keeper.keep();
    await waitForTrust(second);
    const scope = newScope();
    const epoch = await epochOf(second);
    let commit: () => void = () => undefined;
    const mayCommit = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let hasChecked = false;
    const admission = first.database.sqlTransaction(async (transaction) => {
      expect((await first.ledger.mayAdmit(transaction, [scope.digest])).mayAdmit).toBe(true);
      hasChecked = true;
      await mayCommit;
      await new IdempotencyStore().record(transaction, [
        { scope, fingerprint: FINGERPRINT, status: 201, body: '{}' },
      ]);
    });
    await waitFor('the check', () => hasChecked);
    await second.redis.client('main').flushall();
    let isDeclared = false;
    const renewal = second.keeper.keep().then(() => {
      isDeclared = true;
    });
    await waitFor('the new epoch in PostgreSQL', async () => {
      const present = await epochOf(second);
      return present !== null && present !== epoch;
    });
    expect(isDeclared).toBe(false);
    commit();
    await admission;
    await renewal;
    await waitForTrust(second);
    expect(await second.ledger.isKnownNew(scope.digest)).toBe(false);
  });
});
