import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakePrograms, killAt, NOTE, runScript } from '../../test/support/shell-script.js';
import { temporaryFolder } from '../../test/support/temporary-folder.js';

const PROJECT = join(import.meta.dirname, '../..');
const PGBOUNCER = 'deployment/docker/pgbouncer/pgbouncer.ini';
const DIRECT_URL = 'secrets/database_direct_url';
const PATIENCE_MS = 40_000;

/**
 * An engine with three servers: a file NAME for each says what it is ("primary 1 500"), "away" or "stopped", NAME.follows
 * whom it follows, NAME.note what is in its volume. `log` has what was changed.
 */
const DOCKER = `${NOTE}
case "$*" in
  info) ;;
  'compose config'*) printf '{\\n  "name": "shop",\\n}\\n' ;;
  'ps --all'*) for each in postgres-1 postgres-2 postgres-3 pgbouncer; do echo "$each $each"; done ;;
  'exec pgbouncer sh -c kill -HUP 1') note reload ;;
  'exec --interactive'*)
    server="$7"
    [ "$server" != pgbouncer ] || exit 9
    read -r state timeline position <"$FAKE/$server"
    case "$state" in away | stopped) exit 2 ;; esac
    question=$(cat)
    case "$question" in
      *pg_last_wal_receive_lsn*) echo "$state $timeline $position" ;;
      *pg_promote*) note "promote $server"; echo "primary $((timeline + 1)) $position" >"$FAKE/$server" ;;
      *'ALTER SYSTEM SET primary_conninfo'*) note "redirect $server"
        printf '%s\\n' "$question" | grep -o 'postgres-[0-9]' | tail -n 1 >"$FAKE/$server.follows" ;;
      *"substring(current_setting('primary_conninfo')"*) cat "$FAKE/$server.follows" ;;
      *pg_create_physical*) note "slots $server" ;;
      *pg_drop_replication_slot*) note "drop-slots $server" ;;
      *"SET synchronous_standby_names = ''"*) note "alone $server"; : >"$FAKE/alone" ;;
      *'RESET synchronous_standby_names'*) note "together $server" ;;
      *'count(*) > 0 OR'*)
        if [ -e "$FAKE/alone" ] || grep -q "^$server" "$FAKE"/postgres-?.follows; then echo t; else echo f; fi ;;
      *pg_logical_emit_message*) note "commit $server" ;;
      *'SELECT count(*) FROM pg_stat_replication'*) echo 1 ;;
      *) echo "unexpected: $question" >>"$FAKE/log"; exit 9 ;;
    esac ;;
  'kill '* | 'stop '*) note "$1 $2"; case "$(cat "$FAKE/$2")" in standby*) exit 1 ;; esac; echo "stopped 0 0" >"$FAKE/$2" ;;
  'inspect --format'*) echo false ;;
  'cp --quiet'*) server="\${4%%:*}"; [ ! -e "$FAKE/no-volume" ] || exit 1
    cp "$3" "$FAKE/$server.note"; note "fence $server $(cat "$3")" ;;
  'compose run'*'/bin/sh'*) cat "$FAKE/lacks" ;;
  'compose run'*' copy') note "copy $6" ;;
  'compose up'*) note "up $5" ;;
  'start '*) note "start $2"; echo 'standby 2 500' >"$FAKE/$2" ;;
  *) echo "unexpected: $*" >>"$FAKE/log"; exit 9 ;;
esac`;

function install(servers: Record<string, string>) {
  const directory = temporaryFolder('installation');
  for (const folder of ['deployment/docker', 'secrets'])
    mkdirSync(join(directory, folder), { recursive: true });
  for (const path of ['deployment/scripts', 'deployment/docker/pgbouncer'])
    cpSync(join(PROJECT, path), join(directory, path), { recursive: true });
  writeFileSync(join(directory, DIRECT_URL), 'postgresql://caudal:secret@postgres-1:5432/caudal\n');
  const { folder, PATH } = fakePrograms({ docker: DOCKER });
  const set = (name: string, text = '') => {
    writeFileSync(join(folder, name), `${text}\n`);
  };
  for (const [name, state] of Object.entries(servers)) set(name, state);
  for (const name of ['postgres-2', 'postgres-3']) set(`${name}.follows`, 'postgres-1');
  set('lacks', '0');
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return {
    directory,
    folder,
    PATH,
    set,
    failover: (...args: string[]) => runScript('failover.sh', args, { PATH }, directory),
    log: () => read(join(folder, 'log')).trim().split('\n'),
    state: (name: string) => read(join(folder, name)).trim(),
    entries: () =>
      [...read(join(directory, PGBOUNCER)).matchAll(/^caudal\w* = host=(\S+)/gm)].map(
        ([, host = '']) => host,
      ),
    directUrl: () => read(join(directory, DIRECT_URL)).trim(),
    left: () => read(join(directory, '.deployment/failover')),
  };
}

const LOST = { 'postgres-1': 'away', 'postgres-2': 'standby 1 400', 'postgres-3': 'standby 1 500' };
const WELL = { ...LOST, 'postgres-1': 'primary 1 500' };

describe('failover.sh', () => {
  it('promotes the replica with the most WAL, after the old primary is fenced', async () => {
    const host = install(LOST);
    const { code, out, errors } = await host.failover();
    expect([code, errors]).toEqual([0, '']);
    expect(host.log()).toEqual([
      'kill postgres-1',
      'stop postgres-1',
      'fence postgres-1 postgres-3',
      'fence postgres-3 postgres-3',
      'slots postgres-3',
      'fence postgres-2 postgres-3',
      'redirect postgres-2',
      'reload',
      'promote postgres-3',
      'commit postgres-3',
      'drop-slots postgres-2',
    ]);
    expect(host.state('postgres-2.follows')).toBe('postgres-3');
    expect(host.entries()).toEqual(['postgres-3', 'postgres-2', 'postgres-1']);
    expect(host.directUrl()).toBe('postgresql://caudal:secret@postgres-3:5432/caudal');
    expect(out).toContain('postgres-3 lacks 0 bytes of WAL');
    expect(out).toMatch(
      /to make it a replica again: deployment\/scripts\/failover.sh --rejoin postgres-1\n$/,
    );
    expect(host.left()).toBe('');
  });

  it('says how many bytes the new primary lacks', async () => {
    const host = install(LOST);
    host.set('lacks', '8192');
    const { code, out } = await host.failover();
    expect([code, out]).toEqual([0, expect.stringContaining('postgres-3 lacks 8192 bytes of WAL')]);
  });

  it('leaves a primary that is well alone, and changes over in order when it is told to', async () => {
    const host = install(WELL);
    expect(await host.failover()).toMatchObject({
      code: 1,
      errors: 'failover: postgres-1 is well, and stays the primary; --force: a planned switchover\n',
    });
    expect(host.log()).toEqual(['']);
    expect((await host.failover('--force', '--to', 'postgres-2')).code).toBe(0);
    const log = host.log();
    // In order: no kill, and the old one follows at the end as it is.
    expect(log.slice(0, 2)).toEqual(['stop postgres-1', 'fence postgres-1 postgres-2']);
    expect(log.slice(-2)).toEqual(['start postgres-1', 'drop-slots postgres-1']);
    expect(log).toContain('promote postgres-2');
  });

  it('gives a planned switchover up when something would be lost, and starts the old primary again', async () => {
    const host = install(WELL);
    host.set('lacks', '100');
    const { code, errors } = await host.failover('--force');
    expect([code, errors]).toEqual([1, expect.stringContaining('postgres-1 has been started again')]);
    expect(host.log()).toEqual(['stop postgres-1', 'start postgres-1']);
    expect(host.entries()[0]).toBe('postgres-1');
    expect(host.left()).toBe('');
  });

  it('does not promote while acknowledged orders may be on a replica that cannot be asked', async () => {
    const host = install({ ...LOST, 'postgres-3': 'away' });
    host.set('lacks', '4096');
    expect(await host.failover()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('acknowledged orders may be there alone') as string,
    });
    expect(host.log().some((line) => line.startsWith('promote'))).toBe(false);
    expect((await host.failover('--accept-loss')).code).toBe(0);
    const log = host.log();
    // Nobody is left to wait for.
    expect(log).toContain('promote postgres-2');
    expect(log).toContain('alone postgres-2');
  });

  it('promotes nobody when the old primary cannot be fenced, or no replica answers', async () => {
    const host = install(LOST);
    host.set('no-volume');
    expect(await host.failover()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('postgres-1 cannot be fenced') as string,
    });
    expect(host.log()).toEqual(['kill postgres-1', 'stop postgres-1']);
    const alone = install({ ...LOST, 'postgres-2': 'away', 'postgres-3': 'away' });
    expect(await alone.failover()).toMatchObject({
      code: 1,
      errors: 'failover: no replica answers: start one, or restore a backup\n',
    });
    expect(alone.log()).toEqual(['']);
  });

  it.each(['fence', 'slots', 'redirect', 'reload', 'promote', 'commit'])(
    'goes on after a kill -9 in the step %s',
    async (step) => {
      const host = install(LOST);
      await killAt(host, step, 'failover.sh', [], PATIENCE_MS);
      const { code, errors } = await host.failover();
      expect([code, errors]).toEqual([0, '']);
      expect(host.state('postgres-3')).toBe('primary 2 500');
      expect(host.state('postgres-1.note')).toBe('postgres-3');
      expect(host.state('postgres-2.follows')).toBe('postgres-3');
      expect(host.entries()).toEqual(['postgres-3', 'postgres-2', 'postgres-1']);
      expect(host.left()).toBe('');
    },
  );

  it('changes nothing in a dry run', async () => {
    const host = install(WELL);
    const { code, out } = await host.failover('--force', '--dry-run');
    expect(code).toBe(0);
    for (const part of [
      'docker stop postgres-1',
      'primary-host is postgres-3',
      'on postgres-3: SELECT pg_promote',
    ])
      expect(out).toContain(part);
    expect(host.log()).toEqual(['']);
    expect(host.entries()[0]).toBe('postgres-1');
    expect(existsSync(join(host.directory, '.deployment'))).toBe(false);
  });

  it('makes a server a replica again, but never the primary', async () => {
    const host = install({ ...WELL, 'postgres-3': 'away' });
    expect(await host.failover('--rejoin', 'postgres-1')).toMatchObject({
      code: 1,
      errors: 'failover: postgres-1 is the primary\n',
    });
    expect((await host.failover('--rejoin', 'postgres-3')).code).toBe(0);
    expect(host.log()).toEqual([
      'slots postgres-1',
      'fence postgres-3 postgres-1',
      'stop postgres-3',
      'copy postgres-3',
      'up postgres-3',
      'together postgres-1',
    ]);
    for (const args of [['--to', 'postgres-2'], ['--rejoin', 'postgres-9'], ['x']])
      expect((await host.failover(...args)).code).toBe(2);
  });
});
