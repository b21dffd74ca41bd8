import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuditLogUnderTest } from '../support/audit-log-under-test.js';
import { testEnvironment } from '../support/app-harness.js';
import { startTestServices, type TestServices } from '../support/services/index.js';
import { Shop } from '../support/shop.builder.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { waitFor } from '../support/wait-for.js';

const PROGRAM = join(import.meta.dirname, '../../dist/audit-verify.js');
/** Of the one stream; chain 0 is that of the outbox. */
const CHAIN = 1;

interface Run {
  readonly code: number;
  readonly lines: string[];
  readonly errors: string[];
}

/** What `npm run audit:verify` runs, as a process. */
describe('the command audit:verify', () => {
  let services: TestServices;
  let database: Shop;
  let directory: string;
  let env: Record<string, string>;

  beforeEach(async () => {
    directory = temporaryFolder('caudal-verify');
    services = await startTestServices();
    database = new Shop(services.databaseUrl);
    env = { AUDIT_PARTITIONS: '1', AUDIT_CHECKPOINT_DIR: join(directory, 'checkpoints') };
  });

  afterEach(async () => {
    await database.close();
    await services.close();
  });

  const record = async (count: number): Promise<void> => {
    const audit = await AuditLogUnderTest.start(services, env);
    const before = await countRows();
    for (let n = 0; n < count; n += 1)
      await audit.log.record({
        class: 'security',
        actor: 'system:test',
        action: 'thing.changed',
        resource: 'thing:1',
        after: { n },
      });
    await waitFor('the entries', async () => (await countRows()) === before + count);
    await audit.close();
  };
  const countRows = async (): Promise<number> => {
    const [row] = await database.rows<{ count: number }>('SELECT count(*)::integer FROM audit_entries');
    return row?.count ?? 0;
  };
  const verify = (args: string[] = [], settings: Record<string, string> = {}): Promise<Run> =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [PROGRAM, ...args],
        { env: { PATH: process.env['PATH'], ...testEnvironment(services, { ...env, ...settings }) } },
        (_error, output, errors) => {
          resolve({ code: child.exitCode ?? NaN, lines: linesOf(output), errors: linesOf(errors) });
        },
      );
    });
  const file = (name: string): string => join(directory, name);

  it('accepts what was written, and goes on where the last run with its state ended', async () => {
    await record(8);
    const clean = await verify();
    expect(clean.errors).toEqual([]);
    expect([clean.code, clean.lines]).toEqual([
      0,
      [
        'chain 0: intact, 0 entries verified, positions 1 to 0',
        'chain 1: intact, 8 entries verified, positions 1 to 8',
        expect.stringMatching(/^ {2}checkpoint: 1 8 [0-9a-f]{64} /),
      ],
    ]);
    const state = ['--state', file('state')];
    expect((await verify(state)).lines).toContain('chain 1: intact, 8 entries verified, positions 1 to 8');
    await record(4);
    const later = await verify(state);
    expect([later.code, later.lines[1]]).toEqual([
      0,
      'chain 1: intact, 4 entries verified, positions 9 to 12',
    ]);
  });

  it('names the chain and the position of a row that was changed', async () => {
    await record(6);
    const [row] = await database.rows<{ id: string }>(
      "UPDATE audit_entries SET actor = 'user:else' WHERE chain = $1 AND seq = 4 RETURNING id",
      [CHAIN],
    );
    const { code, lines } = await verify();
    expect([code, lines[1]]).toEqual([
      2,
      `chain 1: ALTERED at position 4 (entry ${String(row?.id)}); intact up to 3`,
    ]);
  });

  it('finds a tail that was cut off by checkpoints that were kept elsewhere', async () => {
    await record(6);
    const { lines } = await verify();
    // Somebody who reaches everything but the copy, and sets the row of the chain back as well.
    await database.rows('DELETE FROM audit_entries WHERE chain = $1 AND seq > 5', [CHAIN]);
    await database.rows(
      'UPDATE audit_chains SET seq = 5, hash = (SELECT hash FROM audit_entries WHERE seq = 5) WHERE chain = $1',
      [CHAIN],
    );
    rmSync(file('checkpoints'), { recursive: true });
    await services.redis.restart();
    const unseen = await verify();
    expect([unseen.code, unseen.lines[1]]).toEqual([
      0,
      expect.stringContaining('no checkpoint stands for it'),
    ]);
    writeFileSync(file('kept'), lines.filter((line) => line.includes('checkpoint:')).join('\n'));
    const { code, lines: report } = await verify(['--checkpoints', file('kept')]);
    expect([code, report[1]]).toEqual([2, 'chain 1: MISSING at position 6; intact up to 5']);
    writeFileSync(file('forged'), lines.at(-1)?.replace('1 6 ', '1 5 ') ?? '');
    const forged = await verify(['--checkpoints', file('forged')]);
    expect([forged.code, forged.lines[0]]).toEqual([2, expect.stringMatching(/^FORGED checkpoint: /)]);
  });

  it('says in one line what keeps it from verifying', async () => {
    const away = await verify([], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect([away.code, away.lines]).toEqual([1, []]);
    expect(away.errors).toEqual([expect.stringMatching(/^audit:verify: the database of DATABASE_URL /)]);
    for (const args of [['--checkpoints', file('none')], ['--nonsense']]) {
      const run = await verify(args);
      expect([run.code, run.errors]).toEqual([1, [expect.stringMatching(/^audit:verify: /)]]);
    }
  });
});

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
