import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { checkArchive } from '../../src/core/audit-log/index.js';
import type { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { AuditMonthsUnderTest, monthAgo } from '../support/audit-months-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';

describe('what retired months of the audit log leave behind', () => {
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
    await past.append(1, [4, 4, 3, 4, 3, 2, 1, 0, 0]);
  });

  afterEach(async () => {
    await past.close();
  });

  const file = (folder: string): string => {
    const [name = ''] = readdirSync(join(past.directory, folder)).filter((each) =>
      each.includes(monthAgo(4)),
    );
    return join(past.directory, folder, name);
  };
  const forgetOutside = async () => {
    rmSync(join(past.directory, 'checkpoints'), { recursive: true, force: true });
    await past.audit.redis.client('main').flushall();
  };

  it('is found missing when a month was dropped by hand, before others are retired and after', async () => {
    await past.database.rows(`DROP TABLE audit_entries_${monthAgo(1)}`);
    expect(await past.fault()).toMatchObject({ chain: 1, kind: 'missing', seq: 7 });
    await past.retire();
    expect(await past.fault()).toMatchObject({ chain: 1, kind: 'missing', seq: 7 });
    await past.database.rows(`DELETE FROM audit_entries`);
    expect(await past.fault()).toMatchObject({ chain: 1, kind: 'missing', seq: 7 });
  });

  it('keeps the oldest month when the one before it was dropped by hand', async () => {
    await past.database.rows(`DROP TABLE audit_entries_${monthAgo(4)}`);
    expect(await past.audit.retention.run()).toBe(false);
    expect(await past.count(`audit_entries_${monthAgo(3)}`)).toBe(2);
    expect(past.audit.errors).toMatchObject([{ reason: 'tampered', fault: { kind: 'missing', seq: 1 } }]);
  });

  it('is believed from any one place, and from none without our signature', async () => {
    await past.retire();
    await forgetOutside();
    expect(await past.fault()).toBeNull();

    const [row] = await past.database.rows<{ record: string }>(
      `UPDATE audit_retirements SET record = replace(record, '"entries":3', '"entries":4')
       WHERE month = $1 RETURNING record`,
      [monthAgo(4)],
    );
    expect((await past.audit.retirements.read()).forged).toEqual([row?.record]);
    expect(await past.fault()).toMatchObject({ kind: 'missing', seq: 1 });
    const genuine = row?.record.replace('"entries":4', '"entries":3') ?? '';
    const given = await past.audit.retirements.read([genuine]);
    expect(given.records.length).toBe(3);
    await past.database.rows('TRUNCATE audit_retirements');
    expect(await past.fault()).toMatchObject({ kind: 'missing', seq: 1 });
  });

  it('lies in the directory of the checkpoints and in Redis as well', async () => {
    await past.retire();
    await past.database.rows('TRUNCATE audit_retirements');
    expect(await past.fault()).toBeNull();
    rmSync(join(past.directory, 'checkpoints'), { recursive: true });
    expect(await past.fault()).toBeNull();
    await past.audit.redis.client('main').flushall();
    expect(await past.fault()).not.toBeNull();
  });

  it('does not hide a tail that was cut off, nor a part of a month that was to be retired', async () => {
    await past.audit.checkpoints.beforeApplicationShutdown();
    past.audit.months.detach = () => Promise.reject(new Error('the process dies here'));
    await expect(past.audit.retention.run()).rejects.toThrow('dies');
    const deleted = await past.database.rows('DELETE FROM audit_entries WHERE seq = 2 RETURNING *');
    expect(deleted.length).toBe(1);
    expect(await past.fault()).toMatchObject({ kind: 'missing', seq: 2 });
    await past.database.rows('DELETE FROM audit_entries WHERE seq > 8');
    await past.database.rows(
      'UPDATE audit_chains SET seq = 8, hash = (SELECT hash FROM audit_entries WHERE seq = 8)',
    );
    await past.database.rows(`DELETE FROM audit_entries WHERE seq <= 2 OR seq = 4`);
    expect(await past.fault()).toMatchObject({ kind: 'missing', seq: 9 });
  });

  it('is the same wherever a process dies, once another one has gone on', async () => {
    type Crash = (audit: AuditLogUnderTest) => void;
    const die = () => Promise.reject(new Error('the process dies here'));
    const crashes: Crash[] = [
      ({ retirements }) => (retirements.keep = die),
      ({ retirements }) => {
        const keep = retirements.keep.bind(retirements);
        retirements.keep = async (...args) => keep(...args).then(die);
      },
      ({ months }) => (months.detach = die),
      ({ months }) => {
        const detach = months.detach.bind(months);
        months.detach = async (...args) => detach(...args).then(die);
      },
    ];
    for (const crash of crashes) {
      const dying = await past.another();
      crash(dying);
      await dying.retention.run().catch(() => undefined);
      await dying.close();
      expect(await past.fault()).toBeNull();
    }
    await past.retire();
    expect((await past.tables())[0]).toBe(monthAgo(1));
    expect(await past.retiredCounts()).toEqual([3, 2, 1]);
    expect(await past.count(`outbox_events WHERE audit LIKE '%audit.month-retired%'`)).toBe(3);
    expect(readdirSync(join(past.directory, 'archive')).length).toBe(3);
    expect(await past.fault()).toBeNull();
  });

  describe('as an archive', () => {
    let lines: string[];
    const check = async (changed: readonly string[]) => {
      writeFileSync(file('archive'), gzipSync(`${changed.join('\n')}\n`));
      return (await checkArchive(file('archive'), past.audit.config)).fault;
    };

    beforeEach(async () => {
      await past.retire();
      lines = gunzipSync(readFileSync(file('archive')))
        .toString()
        .trimEnd()
        .split('\n');
    });

    it('is read back, line by line', async () => {
      expect(lines.length).toBe(4);
      expect(lines.map((line) => Object.keys(JSON.parse(line) as object).at(-1))).toEqual([
        'details',
        'details',
        'details',
        'record',
      ]);
      expect(await check(lines)).toBeNull();
    });

    it('shows every change, removal and addition', async () => {
      const [first = '', second = '', third = '', seal = ''] = lines;
      expect(await check([first, second.replace('thing.changed', 'thing.seen'), third, seal])).toContain(
        'line 2, chain 1 position 2, is ALTERED',
      );
      expect(await check([first, third, seal])).toContain('some are missing');
      expect(await check([second, third, seal])).toContain('MISSING in front of line 1');
      expect(await check([first, second, third])).toContain('does not end with a record');
      expect(await check([first, second, third, seal, first])).toContain('follows its record');
      expect(await check([first, second, third, seal.replace('entries', 'Entries')])).toContain(
        'does not end with a record',
      );
      expect(await check([first, 'nonsense', third, seal])).toContain('line 2 is not a line');
      const { occurredAt } = JSON.parse(first) as { occurredAt: string };
      expect(
        await check([first.replace(occurredAt, '2020-01-01T00:00:00.000Z'), second, third, seal]),
      ).toContain('ALTERED');
    });

    it('shows that it was cut off, or is no archive', async () => {
      truncateSync(file('archive'), 200);
      expect((await checkArchive(file('archive'), past.audit.config)).fault).toContain('no whole gzip file');
      writeFileSync(file('archive'), 'nonsense');
      expect((await checkArchive(file('archive'), past.audit.config)).fault).toContain('no whole gzip file');
      await expect(checkArchive(join(past.directory, 'none'), past.audit.config)).rejects.toThrow('ENOENT');
    });
  });
});
