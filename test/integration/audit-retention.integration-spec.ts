import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkArchive } from '../../src/core/audit-log/index.js';
import { AuditMonthsUnderTest, monthAgo } from '../support/audit-months-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

/** A chain whose months overlap: two came late, and there are entries of all months. */
const MIXED = [4, 4, 4, 3, 4, 3, 3, 2, 2, 4, 2, 1, 1, 0, 3, 0];

describe('the retention of the audit log', () => {
  let services: TestServices;
  let past: AuditMonthsUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
  });

  afterAll(async () => {
    await services.close();
  });

  beforeEach(async () => {
    past = await AuditMonthsUnderTest.start(services);
  });

  afterEach(async () => {
    await past.close();
  });

  const archives = () => readdirSync(join(past.directory, 'archive')).sort();

  it('removes whole months that are over their time, and leaves chains that verify', async () => {
    await past.append(0, [4, 3, 2]);
    await past.append(1, MIXED);
    expect(await past.fault()).toBeNull();

    expect(await past.audit.retention.run()).toBe(true);
    expect((await past.tables()).slice(0, 2)).toEqual([monthAgo(3), monthAgo(2)]);
    expect(await past.fault()).toBeNull();
    await past.retire();

    const [oldest, ...younger] = await past.tables();
    expect([oldest, younger[0]]).toEqual([monthAgo(1), monthAgo(0)]);
    expect(await past.count('audit_entries')).toBe(4);
    expect(await past.fault()).toBeNull();
    expect(await past.audit.metric('audit_months_retained')).toBe(2);
    expect(await past.audit.metric('audit_months_retired_total')).toBe(3);
    expect(await past.audit.metric('audit_retirement_failures_total')).toBe(0);
    // Nothing is left to do, and a further run does nothing.
    expect(await past.audit.retention.run()).toBe(false);
    expect(await past.count('audit_retirements WHERE dropped_at IS NOT NULL')).toBe(3);
    expect(await past.count(`outbox_events WHERE audit LIKE '%audit.month-retired%'`)).toBe(3);
  });

  it('goes on appending, and verifies from a link that was retired meanwhile', async () => {
    await past.append(1, [4, 4, 3]);
    const { checkpoints } = await past.audit.checkpoints.read();
    const [first] = await past.database.rows<{ hash: string }>(
      "SELECT encode(hash, 'hex') AS hash FROM audit_entries WHERE seq = 1",
    );
    await past.retire();
    await past.append(1, [0, 0]);
    expect(await past.fault()).toBeNull();
    const { ranges: retired } = await past.audit.retirements.read();
    const from = { seq: 1, hash: first?.hash ?? '' };
    const report = await past.audit.verifier.verify(1, checkpoints, { from, retired });
    expect([report.fault, report.count, report.head.seq]).toEqual([null, 2, 5]);
  });

  it('writes each month to a file that verifies alone, and whose hash is signed', async () => {
    await past.append(0, [4, 3, 2]);
    await past.append(1, MIXED);
    const [before] = await past.database.rows<{ details: string }>(
      `SELECT details::text FROM audit_entries_${monthAgo(4)} WHERE chain = 1 AND seq = 1`,
    );
    await past.retire();
    const names = archives();
    expect(names).toEqual(
      [4, 3, 2].map((ago): unknown =>
        expect.stringMatching(`^audit-${monthAgo(ago)}-[0-9a-f]{12}.ndjson.gz$`),
      ),
    );
    const { records } = await past.audit.retirements.read();
    const counts: number[] = [];
    for (const name of names) {
      const report = await checkArchive(join(past.directory, 'archive', name), past.audit.config);
      expect(report.fault).toBeNull();
      counts.push(report.entries);
      const record = records.find(({ archive }) => archive?.file === name);
      expect(record?.archive?.sha256).toBe(report.sha256);
      expect(report.record).toEqual({ ...record, at: null, archive: null });
    }
    expect(counts).toEqual([6, 5, 4]);
    expect(before?.details).toContain('1000000000000000000000');
  });

  it('keeps a month that does not verify, and says so', async () => {
    await past.append(1, [4, 4, 3]);
    await past.database.rows("UPDATE audit_entries SET actor = 'user:else' WHERE seq = 2");
    expect(await past.audit.retention.run()).toBe(false);
    expect(await past.tables()).toContain(monthAgo(4));
    expect(await past.count('audit_entries')).toBe(3);
    expect(past.audit.errors).toMatchObject([{ reason: 'tampered', fault: { kind: 'altered', seq: 2 } }]);
    expect(await past.audit.metric('audit_retirement_failures_total')).toBe(1);
    expect(archives()).toEqual([]);
  });

  it('keeps everything when it is to, and a month that cannot be archived or attested', async () => {
    await past.append(1, [4, 3]);
    const settings: Record<string, string>[] = [
      { AUDIT_RETENTION_MONTHS: '0' },
      { AUDIT_ARCHIVE_DIR: '/dev/null/archive' },
      { AUDIT_CHECKPOINT_DIR: '/dev/null/checkpoints', AUDIT_ARCHIVE_DIR: '' },
    ];
    for (const env of settings) {
      Object.assign(past.env, env);
      const other = await past.another();
      // The checkpoints cannot be read either.
      await other.retention.run().catch((error: unknown) => {
        expect(String(error)).toContain('ENOTDIR');
      });
      await other.close();
      expect(await past.count('audit_entries')).toBe(2);
      expect(await past.count('audit_retirements')).toBe(0);
    }
  });

  it('never waits long for a table in use, and goes on with what it has prepared when it is free', async () => {
    await past.append(1, [4, 3]);
    const reader = await past.database.pool.connect();
    await reader.query(
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT count(*) FROM audit_entries_${monthAgo(4)}`,
    );
    const first = past.audit.retention.run();
    const appended = past.append(2, [0, 0]);
    expect(await first).toBe(false);
    await appended;
    expect(past.audit.retention.intervalMs).toBeLessThan(10_000);
    rmSync(join(past.directory, 'archive'), { recursive: true });
    await reader.query('COMMIT');
    reader.release();
    expect(await past.audit.retention.run()).toBe(true);
    expect(existsSync(join(past.directory, 'archive'))).toBe(false);
    expect(await past.fault()).toBeNull();
    expect(past.audit.retention.intervalMs).toBeGreaterThan(10_000);
  });

  it('does not lose an entry that comes to the month while it is retired', async () => {
    await past.append(1, [4, 3, 0]);
    const [detach, months] = [past.audit.months.detach.bind(past.audit.months), past.audit.months];
    months.detach = async (...args) => {
      months.detach = detach;
      await past.append(1, [4]);
      return detach(...args);
    };
    expect(await past.audit.retention.run()).toBe(false);
    expect(await past.count(`audit_entries_${monthAgo(4)}`)).toBe(2);
    await past.retire();
    // Later than its month: it finds no partition, and goes with the next run over the months.
    await past.append(1, [4, 2]);
    expect(await past.count('audit_entries_default')).toBe(2);
    expect(await past.fault()).toBeNull();
    expect(await past.retiredCounts()).toEqual([2, 1, 0]);
  });

  it('takes what came later than its month with the next month', async () => {
    await past.append(1, [4, 4]);
    expect(await past.audit.retention.run()).toBe(true);
    await past.append(1, [4, 3, 2]);
    await past.retire();
    expect(await past.count('audit_entries')).toBe(0);
    expect(await past.fault()).toBeNull();
    expect(await past.retiredCounts()).toEqual([2, 2, 1]);
  });

  it('is done once when two processes believe to be the one', async () => {
    await past.append(1, MIXED);
    const other = await past.another();
    // They get in each other's way: a run that meets the other one is refused, and only a further run goes on.
    const run = (audit: typeof other) => audit.retention.run().catch(() => false);
    await waitFor(
      'the months to be gone',
      async () => {
        await Promise.all([run(past.audit), run(other)]);
        return (await past.count('audit_retirements WHERE dropped_at IS NOT NULL')) === 3;
      },
      20_000,
    );
    await other.close();
    expect((await past.tables())[0]).toBe(monthAgo(1));
    expect(await past.retiredCounts()).toHaveLength(3);
    expect(await past.count(`outbox_events WHERE audit LIKE '%audit.month-retired%'`)).toBe(3);
    expect(await past.fault()).toBeNull();
  });

  it('retires a month that was there again once more, and forgets neither', async () => {
    await past.append(1, [4, 4]);
    await past.retire();
    await past.ensure(4);
    await past.append(1, [4, 0]);
    await past.retire();
    expect(await past.tables()).not.toContain(monthAgo(4));
    expect(await past.fault()).toBeNull();
    expect(archives().filter((name) => name.includes(monthAgo(4))).length).toBe(2);
  });

  it('refuses a partition that holds another time than its name says', async () => {
    await past.append(1, [4, 1]);
    const [old, young] = [monthAgo(4), monthAgo(1)];
    const rename = (from: string, to: string) =>
      past.database.rows(`ALTER TABLE audit_entries_${from} RENAME TO audit_entries_${to}`);
    const swap = async () => {
      await rename(old, 'swap');
      await rename(young, old);
      await rename('swap', young);
    };
    await swap();
    expect(await past.audit.retention.run()).toBe(false);
    await swap();
    expect(await past.count('audit_entries')).toBe(2);
  });
});
