import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testEnvironment } from '../support/app-harness.js';
import { AppProcess } from '../support/app-process.js';
import { AuditMonthsUnderTest, monthAgo } from '../support/audit-months-under-test.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { waitFor } from '../support/wait-for.js';

const PROGRAM = join(import.meta.dirname, '../../dist/audit-verify.js');

/** Workers, and the command that verifies, as processes. */
describe('months of the audit log in real processes', () => {
  let services: TestServices;
  let past: AuditMonthsUnderTest;

  beforeAll(async () => {
    services = await startTestServices();
    past = await AuditMonthsUnderTest.start(services);
    await past.append(1, [4, 4, 3, 4, 3, 2, 1]);
  });

  afterAll(async () => {
    await past.close();
    await services.close();
  });

  const startWorker = () => AppProcess.start(testEnvironment(services, { ...past.env, ROLE: 'worker' }));
  const verify = (...args: string[]) =>
    new Promise<{ code: number | null; lines: string[] }>((resolve) => {
      const env = { PATH: process.env['PATH'], ...testEnvironment(services, past.env) };
      const child = execFile(process.execPath, [PROGRAM, ...args], { env }, (_error, output) => {
        resolve({ code: child.exitCode, lines: output.split('\n').filter((line) => line !== '') });
      });
    });
  const names = (within: string) => (existsSync(folder(within)) ? readdirSync(folder(within)) : []);
  const folder = (name: string) => join(past.directory, name);

  it('are retired once, though the worker is killed between the record and the table', async () => {
    // Somebody reads the oldest month, so that it cannot be detached yet.
    const reader = await past.database.pool.connect();
    await reader.query(
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT count(*) FROM audit_entries_${monthAgo(4)}`,
    );
    const first = await startWorker();
    await waitFor(
      'the record',
      () => names('checkpoints').some((name) => name.startsWith('retired-')),
      90_000,
    );
    await first.stop('SIGKILL');
    // What the lease of the dead would take ten seconds for.
    await past.database.rows('DELETE FROM leases');
    expect(await past.count('audit_retirements')).toBe(0);
    await reader.query('COMMIT');
    reader.release();
    const second = await startWorker();
    await waitFor(
      'the months to be gone',
      async () => (await past.count('audit_retirements WHERE dropped_at IS NOT NULL')) === 3,
      90_000,
    );
    const own = `audit_entries WHERE action = 'audit.month-retired' AND actor = 'system:audit-retention'`;
    await waitFor('the entries of the retirement itself', async () => (await past.count(own)) === 3);
    await second.stop();
    expect((await past.tables())[0]).toBe(monthAgo(1));
    expect(readdirSync(folder('archive')).length).toBe(3);
  }, 240_000);

  it('verify with what is left, and each archive alone', async () => {
    const { code, lines } = await verify();
    expect([code, lines.filter((line) => line.startsWith('retired')).length]).toEqual([0, 3]);
    expect(lines).toContainEqual(
      expect.stringMatching(/^chain 1: intact, 1 entries verified, positions 1 to 7/),
    );
    const [name = ''] = readdirSync(folder('archive'));
    const archived = await verify('--archive', join(folder('archive'), name));
    expect([archived.code, archived.lines]).toEqual([
      0,
      [
        expect.stringContaining('SHA-256'),
        `intact: month ${monthAgo(4)}, 3 entries`,
        '  chain 1: positions 1 to 2',
        '  chain 1: positions 4 to 4',
        'it is a file that a checkpoint of the month names',
      ],
    ]);
  });

  it('fail to verify when a record is forged, or an archive is another', async () => {
    const [name = ''] = readdirSync(folder('archive'));
    const archive = join(folder('archive'), name);
    const bytes = readFileSync(archive);
    appendFileSync(archive, bytes);
    expect(await verify('--archive', archive)).toMatchObject({ code: 2 });
    rmSync(archive);
    expect(await verify('--archive', archive)).toMatchObject({ code: 1 });
    const [record = ''] = readdirSync(folder('checkpoints')).filter((each) => each.startsWith('retired'));
    const line = readFileSync(join(folder('checkpoints'), record), 'utf8');
    writeFileSync(folder('forged'), line.replace('"entries":3', '"entries":2'));
    const forged = await verify('--checkpoints', folder('forged'));
    expect([forged.code, forged.lines[0]]).toEqual([
      2,
      expect.stringMatching(/^FORGED checkpoint: retired /),
    ]);
    await past.database.rows(`DROP TABLE audit_entries_${monthAgo(1)}`);
    const dropped = await verify();
    expect([dropped.code, dropped.lines]).toEqual([
      2,
      expect.arrayContaining([expect.stringMatching(/^chain 1: MISSING at position 7/)]),
    ]);
  });
});
