import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../test/support/temporary-folder.js';

const SCRIPTS = join(import.meta.dirname, '../../deployment/scripts');
const DAY_MS = 24 * 3_600_000;

describe('the backup scripts', () => {
  let work = '';
  beforeEach(() => {
    work = temporaryFolder('caudal-backup-scripts');
  });
  const run = (script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const { status, stdout, stderr } = spawnSync('sh', [join(SCRIPTS, script), ...args], {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        BACKUP_DIR: work,
        BACKUP_KEY_FILE: join(work, 'key'),
        REDIS_BACKUP_URLS: 'main=redis://:secret@127.0.0.1:1/0',
        ...env,
      },
    });
    return { status, stdout, stderr };
  };

  it.each(['backup.sh', 'restore.sh', 'restore-drill.sh'])('%s says how it is called', (script) => {
    expect(run(script, ['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Usage: /) as string,
    });
    expect(run(script, ['--no-such-thing'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--help') as string,
    });
  });

  it.each<[string, string[], string]>([
    ['backup.sh', ['postgres', '--dry-run'], 'pgbackrest --repo=3 --type=full backup'],
    ['backup.sh', ['redis', '--dry-run'], 'redis-cli -h 127.0.0.1 -p 1 --rdb main.rdb'],
    ['backup.sh', ['verify', '--dry-run'], 'pgbackrest --repo=1 verify'],
    ['backup.sh', ['wal', 'pg_wal/0', '--dry-run'], 'pgbackrest archive-push pg_wal/0'],
    ['backup.sh', ['server', '--dry-run'], 'exec pgbackrest server'],
    [
      'restore.sh',
      ['postgres', '--data-dir', '/srv/data', '--to', '2026-11-22T18:00:00.123Z', '--dry-run'],
      '--type=time --target=2026-11-22 18:00:00.123+00 --target-action=promote restore',
    ],
    [
      'restore.sh',
      ['redis', '--name', 'main', '--file', 'f', '--data-dir', '/srv/r', '--dry-run'],
      'mv /srv/r.restoring /srv/r',
    ],
    ['restore-drill.sh', ['--damage', '--dry-run'], 'restore-drill.mjs --damage'],
  ])('%s %j runs nothing with --dry-run', (script, args, command) => {
    const { status, stdout } = run(script, args);
    expect(stdout).toContain(command);
    expect(stdout).not.toContain('secret');
    expect(status).toBe(0);
    expect(readdirSync(work)).toEqual([]);
  });

  it('refuses a key that anybody could guess, and a time without a zone', () => {
    writeFileSync(join(work, 'key'), 'too short\n');
    expect(run('backup.sh', ['list'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('less than 32 characters') as string,
    });
    expect(run('restore.sh', ['postgres', '--data-dir', work, '--to', '2026-11-22 18:00:00'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('with a zone') as string,
    });
  });

  it('keeps snapshots of 30 days, a week of three months, a month of a year', () => {
    mkdirSync(join(work, 'redis'));
    const stampOf = (daysAgo: number) =>
      new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
    for (let daysAgo = 0; daysAgo < 500; daysAgo += 1)
      for (const name of ['main', 'rate-limit']) {
        const file = join(work, 'redis', `${name}-${stampOf(daysAgo)}T004100Z.rdb.gpg`);
        writeFileSync(file, '');
        writeFileSync(`${file}.sha256`, '');
      }
    expect(run('backup.sh', ['prune'])).toMatchObject({ status: 0, stderr: '' });
    const left = readdirSync(join(work, 'redis'));
    for (const name of ['main', 'rate-limit']) {
      const kept = left.filter((file) => file.startsWith(`${name}-2`) && file.endsWith('.gpg'));
      const agesOf = (from: number, to: number) =>
        kept.filter((file) => {
          const day = /-(\d{4})(\d\d)(\d\d)T/.exec(file)?.slice(1).join('-') ?? '';
          const days = Math.floor((Date.now() - Date.parse(day)) / DAY_MS);
          return days > from && days <= to;
        }).length;
      expect(agesOf(-1, 30)).toBe(31);
      // Mondays of 62 days, and the first of the one or two months that begin on another day.
      expect(agesOf(30, 92)).toBeGreaterThanOrEqual(8);
      expect(agesOf(30, 92)).toBeLessThanOrEqual(12);
      expect([8, 9, 10]).toContain(agesOf(92, 366));
      expect(agesOf(366, 1000)).toBe(0);
    }
    expect(left.filter((file) => file.endsWith('.sha256')).length).toBe(left.length / 2);
    expect(run('backup.sh', ['prune'])).toMatchObject({ status: 0 });
    expect(readdirSync(join(work, 'redis'))).toEqual(left);
  }, 60_000);

  it('puts checkpoints aside that are later than what is restored', () => {
    const line = (seq: number, at: string) => `0 ${String(seq)} ${'a'.repeat(64)} ${at} ${'s'.repeat(43)}\n`;
    const early = line(7, '2026-11-22T18:00:00.000Z');
    const late = line(9, '2026-11-22T18:00:00.001Z');
    writeFileSync(join(work, 'chain-0.checkpoints'), early + late);
    const args = ['audit-checkpoints', '--dir', work, '--to', '2026-11-22T18:00:00.000Z'];
    expect(run('restore.sh', args)).toMatchObject({ status: 0 });
    const [kept = '', aside = ''] = readdirSync(work).sort();
    expect(readFileSync(join(work, kept), 'utf8')).toBe(early);
    expect(readFileSync(join(work, aside), 'utf8')).toBe(late);
    expect(run('restore.sh', args)).toMatchObject({ status: 0 });
    expect(readdirSync(work)).toHaveLength(2);
  });
});
