import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppProcess } from '../support/app-process.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { waitFor } from '../support/wait-for.js';

const WATCH_MS = 3000;
/** A process that has just started looks often for a while. */
const QUIET_WITHIN_MS = 30_000;

/** Twice of what was measured: 30 commands and 10 statements a second, of which 8 look for ended sessions. */
const COMMANDS_PER_SECOND_MAX = 60;
const TRANSACTIONS_PER_SECOND_MAX = 20;

/** What a process that has nothing to do asks for; before it could wait it was 126 commands a second. */
describe('a process that has nothing to do', () => {
  let services: TestServices;
  let shop: Shop;
  let redis: Redis;
  let application: AppProcess;

  beforeAll(async () => {
    services = await startTestServices();
    shop = new Shop(services.databaseUrl);
    redis = new Redis(services.redis.url);
    application = await AppProcess.start(testEnvironment(services, { ROLE: 'all' }));
  });

  afterAll(async () => {
    await application.stop();
    redis.disconnect();
    await shop.close();
    await services.close();
  });

  /** Commands that a script issues count as well. */
  const countCommands = async (): Promise<number> =>
    [...(await redis.info('commandstats')).matchAll(/calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0,
    );
  const countTransactions = async (): Promise<number> => {
    const [row] = await shop.rows<{ count: string }>(
      `SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()`,
    );
    return Number(row?.count);
  };
  const perSecond = async (count: () => Promise<number>): Promise<number> => {
    const [before, startMs] = [await count(), performance.now()];
    await sleep(WATCH_MS);
    return ((await count()) - before) / ((performance.now() - startMs) / 1000);
  };

  it('asks Redis and PostgreSQL a few times a second', async () => {
    let seen = { commands: Infinity, transactions: Infinity };
    await waitFor(
      'few questions',
      async () => {
        const [commands, transactions] = await Promise.all([
          perSecond(countCommands),
          perSecond(countTransactions),
        ]);
        seen = { commands, transactions };
        return commands <= COMMANDS_PER_SECOND_MAX && transactions <= TRANSACTIONS_PER_SECOND_MAX;
      },
      QUIET_WITHIN_MS,
    ).catch(() => undefined);
    expect(seen.commands).toBeLessThanOrEqual(COMMANDS_PER_SECOND_MAX);
    expect(seen.transactions).toBeLessThanOrEqual(TRANSACTIONS_PER_SECOND_MAX);
  });
});
