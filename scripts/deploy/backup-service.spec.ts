import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fakePrograms } from '../../test/support/shell-script.js';
import { temporaryFolder } from '../../test/support/temporary-folder.js';
import { waitFor } from '../../test/support/wait-for.js';

const SCRIPT = join(import.meta.dirname, '../../deployment/docker/backup/backup-service.sh');
const DEADLINE_MS = 30_000;
const HOUR = 3600;
const nowSeconds = () => Math.floor(Date.now() / 1000);

/** Each server says what its file has; without one it does not answer. */
const PSQL = `
for argument in "$@"; do case "$argument" in --host=*) host="\${argument##*/}" ;; esac; done
cat "$FAKE/$host.says"`;
/** It is always the fifth hour. */
const DATE = `
case "$*" in '-u +%H') echo 05 ;; *) exec /bin/date "$@" ;; esac`;
/** Notes what it was asked, and for whom; \`hold\`: takes its time; \`fail\`: fails. */
const BACKUP = `#!/bin/sh
echo "$* \${PGBACKREST_PG1_SOCKET_PATH##*/} \${REDIS_BACKUP_URLS:-}" >>"$FAKE_LOG"
[ ! -e "$FAKE_LOG.hold" ] || { echo $$ >"$FAKE_LOG.held"; sleep 600; }
[ ! -e "$FAKE_LOG.fail" ] || exit 1
echo "backup_last_success_timestamp_seconds{backup=\\"$1\\"} $(date +%s)" >"$BACKUP_METRICS_DIR/caudal-backup-$1.prom"
`;

function start() {
  const directory = temporaryFolder('backup-service');
  const { folder, PATH } = fakePrograms({ psql: PSQL, date: DATE });
  for (const name of ['metrics', 'servers/postgres-1', 'servers/postgres-2'])
    mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(SCRIPT, join(directory, 'backup-service.sh'));
  writeFileSync(join(directory, 'backup.sh'), BACKUP, { mode: 0o755 });
  writeFileSync(join(directory, 'urls'), 'main=redis://main\n');
  const log = join(directory, 'log');
  const env = {
    ...{ PATH, FAKE_LOG: log, BACKUP_HOUR: '17', BACKUP_INTERVAL_SECONDS: '0.1' },
    BACKUP_SERVERS_DIR: join(directory, 'servers'),
    BACKUP_METRICS_DIR: join(directory, 'metrics'),
    REDIS_BACKUP_URLS_FILE: join(directory, 'urls'),
    PGDATA: join(directory, 'data/18/docker'),
  };
  const script = join(directory, 'backup-service.sh');
  return {
    directory,
    log,
    pointer: env.PGDATA,
    lines: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    says: (server: string, line: string) => {
      writeFileSync(join(folder, `${server}.says`), line);
    },
    backedUp: (kind: string, secondsAgo: number) => {
      const line = `backup_last_success_timestamp_seconds{backup="${kind}"} ${String(nowSeconds() - secondsAgo)}\n`;
      writeFileSync(join(directory, `metrics/caudal-backup-${kind}.prom`), line);
    },
    ask: (...args: string[]) => spawnSync('sh', [script, ...args], { env, encoding: 'utf8' }),
    run: (changed: Record<string, string> = {}) => {
      const child = spawn('sh', [script], { env: { ...env, ...changed }, stdio: 'ignore' });
      return {
        stop: async () => {
          const exited = once(child, 'exit') as Promise<[number | null]>;
          child.kill('SIGTERM');
          return (await exited)[0];
        },
      };
    },
  };
}

describe('backup-service.sh', () => {
  it('backs up the primary and Redis, each once, and the new primary after a failover', async () => {
    const service = start();
    service.says('postgres-1', '00000001 3\n');
    service.says('postgres-2', '');
    const { stop } = service.run();
    await waitFor('both', () => service.lines().length === 2, DEADLINE_MS);
    expect(service.lines()).toEqual([
      'postgres --now postgres-1 main=redis://main',
      'redis postgres-1 main=redis://main',
    ]);
    expect(readlinkSync(service.pointer)).toBe(join(service.directory, 'servers/postgres-1/18/docker'));
    expect(readFileSync(join(service.directory, 'metrics/caudal-archiver.prom'), 'utf8')).toContain(
      'pg_stat_archiver_failed_count{server="postgres-1"} 3\n',
    );
    // The old one, which does not know yet, is a primary as well: the later timeline counts.
    service.says('postgres-2', '00000002 0\n');
    await waitFor('the other', () => service.lines().length === 3, DEADLINE_MS);
    expect(service.lines()[2]).toBe('postgres --now postgres-2 main=redis://main');
    expect(readlinkSync(service.pointer)).toBe(join(service.directory, 'servers/postgres-2/18/docker'));
    expect(await stop()).toBe(0);
    expect(service.lines().length).toBe(3);
  });

  it('makes what is due by its age or its hour, and nothing else', async () => {
    const cases: readonly [
      what: string,
      postgres: number,
      redis: number,
      hour: number | null,
      due: string[],
    ][] = [
      ['nothing', 24 * HOUR, 5 * HOUR, null, []],
      ['both are old', 25 * HOUR + 60, 6 * HOUR + 60, null, ['postgres', 'redis']],
      ['its hour', 3 * HOUR, HOUR, 5, ['postgres']],
      ['its hour, and done', 1.5 * HOUR, HOUR, 5, []],
    ];
    for (const [what, postgres, redis, hour, due] of cases) {
      const service = start();
      writeFileSync(join(service.directory, 'metrics/timeline'), '00000001\n');
      service.backedUp('postgres', postgres);
      service.backedUp('redis', redis);
      service.says('postgres-1', '00000001 0\n');
      const { stop } = service.run(hour === null ? {} : { BACKUP_HOUR: String(hour) });
      // Its second round begins after all that the first has had to do.
      const note = join(service.directory, 'metrics/caudal-archiver.prom');
      for (const round of ['first', 'second']) {
        await waitFor(`the ${round} round`, () => existsSync(note), DEADLINE_MS);
        rmSync(note);
      }
      await waitFor('one more round', () => existsSync(note), DEADLINE_MS);
      expect(await stop()).toBe(0);
      expect([what, service.lines().map((line) => line.split(' ')[0])]).toEqual([what, due]);
    }
  });

  it('ends at once on SIGTERM with what it has started', async () => {
    const service = start();
    writeFileSync(`${service.log}.hold`, '');
    service.says('postgres-1', '00000001 0\n');
    const { stop } = service.run();
    await waitFor('a backup that takes long', () => existsSync(`${service.log}.held`), DEADLINE_MS);
    const group = Number(readFileSync(`${service.log}.held`, 'utf8'));
    expect(await stop()).toBe(0);
    await waitFor('the end of its group', () => !isAlive(-group), DEADLINE_MS);
    expect(existsSync(join(service.directory, 'metrics/timeline'))).toBe(false);
  });

  it('does not try again at once what has failed, and waits for a primary', async () => {
    const service = start();
    writeFileSync(`${service.log}.fail`, '');
    service.says('postgres-1', '');
    const { stop } = service.run();
    await waitFor('Redis', () => service.lines().length === 1, DEADLINE_MS);
    service.says('postgres-1', '00000001 0\n');
    await waitFor('PostgreSQL', () => service.lines().length === 2, DEADLINE_MS);
    const note = join(service.directory, 'metrics/caudal-archiver.prom');
    rmSync(note);
    await waitFor('another round', () => existsSync(note), DEADLINE_MS);
    expect(await stop()).toBe(0);
    expect(service.lines().length).toBe(2);
  });

  it('is unwell without a backup, or with an old one, of either', () => {
    const service = start();
    expect(service.ask('healthy')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('no backup of postgres') as string,
    });
    service.backedUp('postgres', 25 * HOUR);
    expect(service.ask('healthy').status).toBe(1);
    service.backedUp('redis', 25 * HOUR);
    expect(service.ask('healthy').status).toBe(0);
    service.backedUp('redis', 27 * HOUR);
    expect(service.ask('healthy')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('of redis') as string,
    });
  });

  it('calls backup.sh for a person, with the primary of now, and says when there is none', () => {
    const service = start();
    expect(service.ask('postgres', '--now').status).toBe(1);
    expect(service.lines()).toEqual([]);
    service.says('postgres-2', '00000002 0\n');
    expect(service.ask('postgres', '--now').status).toBe(0);
    expect(service.ask('list').status).toBe(0);
    expect(service.lines().map((line) => line.trim())).toEqual(['postgres --now postgres-2', 'list']);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
