import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { isDatabaseUnavailable } from '../../src/infrastructure/database/prisma/index.js';
import { type Postgres, startPostgres } from '../../scripts/services/postgres.mjs';
import { DatabaseUnderTest } from '../support/database-under-test.js';
import { signalFamily } from '../support/freeze.js';
import { getSharedServices } from '../support/services/shared-services.js';
import { query } from '../support/services/test-database.js';
import { waitFor } from '../support/wait-for.js';

/** Of the default: so that the drill is short. */
const DEADLINES = {
  DATABASE_ACQUIRE_TIMEOUT_MS: '1000',
  DATABASE_STATEMENT_TIMEOUT_MS: '1500',
};
/** A statement's own deadline and the driver's grace, then the next connection's. */
const BOUND_MS = 1500 + 500 + 1000;
const READERS = 16;

interface Attempt {
  readonly atMs: number;
  readonly tookMs: number;
  readonly error: unknown;
}

/** Asks again and again until it is told to end. */
function repeat(work: (index: number) => Promise<unknown>, workers = 4) {
  const attempts: Attempt[] = [];
  let isOver = false;
  let next = 0;
  const run = async (): Promise<void> => {
    while (!isOver) {
      const atMs = performance.now();
      const error: unknown = await work(next++).then(
        () => null,
        (failure: unknown) => failure,
      );
      attempts.push({ atMs, tookMs: performance.now() - atMs, error });
      // A refusal costs nothing; a loop of them must leave the others the event loop.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const ended = Promise.all(Array.from({ length: workers }, run));
  return {
    attempts,
    end: async (): Promise<readonly Attempt[]> => {
      isOver = true;
      await ended;
      return attempts;
    },
  };
}

const succeeded = (attempts: readonly Attempt[], afterMs = 0) =>
  attempts.filter(({ atMs, error }) => error === null && atMs >= afterMs);
const failed = (attempts: readonly Attempt[]) => attempts.filter(({ error }) => error !== null);
const longest = (attempts: readonly Attempt[]) => Math.max(...attempts.map(({ tookMs }) => tookMs));

describe('the pools of a process', () => {
  const shared = getSharedServices();
  let postgres: Postgres;
  let database: DatabaseUnderTest;
  const insert = (index: number) => database.write('INSERT INTO written VALUES ($1)', [index]);
  const read = () =>
    database.service.read(null, (client) => client.$queryRawUnsafe('SELECT count(*)::int FROM written'));
  const inDatabase = (url: string | undefined) => (url ?? '').replace(/\/[^/]*$/, '/caudal');
  const countOn = async (superuserUrl: string, condition = 'true'): Promise<number> => {
    const [row] = await query(inDatabase(superuserUrl), [
      `SELECT count(*)::integer AS count FROM written WHERE ${condition}`,
    ]);
    return Number(row?.['count']);
  };

  beforeEach(async () => {
    const name = `pools-${randomBytes(6).toString('hex')}`;
    postgres = await startPostgres({
      dataDir: join(shared.directory, name),
      runDir: shared.runDir,
      namePrefix: `${name}-`,
      replica: { count: 2 },
      durable: false,
      maxConnections: 100,
    });
    await query(postgres.url, ['CREATE TABLE written (id integer)']);
    database = await DatabaseUnderTest.open(postgres, DEADLINES);
    await waitFor('both replicas to be read', async () => {
      await read();
      return (
        (await database.metric('database_reads_total{node="replica"}')) > 0 &&
        (await database.metric('database_replicas_ejected')) === 0
      );
    });
  });

  afterEach(async () => {
    await database.close();
    await postgres.stop();
  });

  it('lose no more reads than were in flight when one of two replicas is killed, and read it again when it is back', async () => {
    const [victim] = postgres.replicas;
    const reads = repeat(read, READERS);
    await waitFor('reads to run', () => Promise.resolve(reads.attempts.length > 100));
    victim?.kill('SIGQUIT');
    await victim?.waitForExit();
    await waitFor('the ejection', async () => (await database.metric('database_replicas_ejected')) === 1);
    const from = reads.attempts.length;
    await waitFor('more reads', () => Promise.resolve(reads.attempts.length > from + 200));
    expect(failed(await reads.end()).length).toBeLessThanOrEqual(READERS);

    await victim?.start();
    await waitFor(
      'the replica to be read again',
      async () => (await database.metric('database_replicas_ejected')) === 0,
      40_000,
    );
  });

  it('wait for a frozen replica once, and no longer than its deadline', async () => {
    const pid = postgres.replicas[0]?.pid ?? 0;
    const reads = repeat(read, 16);
    await waitFor('reads to run', () => Promise.resolve(reads.attempts.length > 100));
    signalFamily(pid, 'SIGSTOP');
    try {
      await waitFor('the ejection', async () => (await database.metric('database_replicas_ejected')) === 1);
      const from = reads.attempts.length;
      await waitFor('more reads', () => Promise.resolve(reads.attempts.length > from + 200));
      const attempts = await reads.end();
      expect(failed(attempts)).toEqual([]);
      expect(longest(attempts)).toBeLessThan(BOUND_MS + 1000);
    } finally {
      signalFamily(pid, 'SIGCONT');
    }
  });

  it('refuse writes within their deadline while the primary is frozen, and go on when it does', async () => {
    const { pid } = postgres.primary;
    const writes = repeat(insert, 8);
    await waitFor('writes to run', () => Promise.resolve(writes.attempts.length > 50));
    signalFamily(pid, 'SIGSTOP');
    try {
      await waitFor(
        'the loss of the writer to be known',
        async () => (await database.metric('database_primary_available')) === 0,
      );
      // Once it is known nobody waits for it any more.
      const startMs = performance.now();
      await expect(insert(-1)).rejects.toThrow('no writer');
      expect(performance.now() - startMs).toBeLessThan(50);
      expect(await read()).toHaveLength(1);
    } finally {
      signalFamily(pid, 'SIGCONT');
    }
    const backMs = performance.now();
    await waitFor('writes to go on', () => Promise.resolve(succeeded(writes.attempts, backMs).length > 20));
    const attempts = await writes.end();
    expect(longest(attempts)).toBeLessThan(BOUND_MS);
    expect(failed(attempts).length).toBeGreaterThan(0);
    expect(failed(attempts).every(({ error }) => isDatabaseUnavailable(error))).toBe(true);
  });

  it('follow a promotion at once, and write nothing to the old primary when it comes back', async () => {
    const [heirUrl = '', otherUrl = ''] = postgres.replicaSuperuserUrls;
    const writes = repeat(insert);
    await waitFor('writes to run', () => Promise.resolve(writes.attempts.length > 50));
    postgres.primary.kill('SIGKILL');
    await postgres.primary.waitForExit();
    await waitFor(
      'the loss of the writer to be known',
      async () => (await database.metric('database_primary_available')) === 0,
    );

    const promotedFromMs = performance.now();
    await query(heirUrl, ['SELECT pg_promote(true)']);
    const promotionMs = performance.now() - promotedFromMs;
    await waitFor('a good write', () =>
      Promise.resolve(succeeded(writes.attempts, promotedFromMs).length > 0),
    );
    const [first] = succeeded(writes.attempts, promotedFromMs);
    const firstGoodMs = (first?.atMs ?? NaN) + (first?.tookMs ?? NaN) - promotedFromMs;
    process.stdout.write(
      `promotion ${promotionMs.toFixed(0)} ms, first good write after ${firstGoodMs.toFixed(0)} ms\n`,
    );
    expect(firstGoodMs).toBeLessThanOrEqual(2 * promotionMs);

    await postgres.primary.start();
    const before = await countOn(postgres.superuserUrl);
    // A process that starts now sees two primaries, the old one first.
    const late = await DatabaseUnderTest.open(postgres, DEADLINES);
    try {
      await late.write('INSERT INTO written VALUES (-7)');
      await late.service.write.$executeRawUnsafe('INSERT INTO written VALUES (-7)');
      // One that knows the old one only, and hears of the promotion from a request.
      const lone = await DatabaseUnderTest.open({ url: postgres.url }, DEADLINES);
      lone.service.noteTimeline(database.service.timeline);
      await expect(lone.write('INSERT INTO written VALUES (-8)')).rejects.toThrow();
      await expect(lone.service.write.$executeRawUnsafe('INSERT INTO written VALUES (-8)')).rejects.toThrow();
      await lone.close();
    } finally {
      await late.close();
    }
    const from = writes.attempts.length;
    await waitFor('more writes', () => Promise.resolve(writes.attempts.length > from + 100));
    await writes.end();
    expect(await countOn(postgres.superuserUrl)).toBe(before);
    expect(await countOn(heirUrl, 'id = -7')).toBe(2);

    // The other standby knows nothing of the new writer, so nobody is told what it has.
    const onReplica = await database.metric('database_reads_total{node="replica"}');
    const shown = await read();
    expect(shown).toEqual([{ count: await countOn(heirUrl) }]);
    expect(await database.metric('database_reads_total{node="replica"}')).toBe(onReplica);

    // It is read again when it follows.
    const [{ primary_conninfo: source } = {}] = await query(otherUrl, ['SHOW primary_conninfo']);
    const heirPort = new URL(heirUrl).port;
    await query(otherUrl, [
      `ALTER SYSTEM SET primary_conninfo = '${String(source).replace(/port=\d+/, `port=${heirPort}`)}'`,
      'SELECT pg_reload_conf()',
    ]);
    // PostgreSQL looks for its primary every 5 s, and by now we look at this standby every 8.
    await waitFor(
      'reads on the other standby',
      async () => {
        await read();
        return (await database.metric('database_reads_total{node="replica"}')) > onReplica;
      },
      40_000,
    );
  });
});
