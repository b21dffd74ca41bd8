// @ts-check
// npm run rehearse:retention
// Lets fourteen months pass for a real PostgreSQL and the shipped backup.sh, by a clock that libfaketime gives to both,
// and looks after every run which backups each repository still has: daily those of 30 days, weekly of 92, monthly of
// 366, and of each one older, because without it the oldest days could not be restored. Some minutes.
import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startGuard } from '../services/guard.mjs';
import { parseJson } from '../services/json-file.mjs';
import { giveTo } from '../services/postgres-host.mjs';
import { PROJECT } from '../setup/project.mjs';
import { obtainPackage } from '../setup/tool-cache.mjs';
import { startArchivingPostgres } from './archiving-postgres.mjs';
import { findDrillTools } from './drill-tools.mjs';

const run = promisify(execFile);
/** As sysexits.h has it: nothing was tried. */
const UNAVAILABLE = 69;
const DAY_SECONDS = 86_400;
/** Of the first backup: any day of the past will do. */
const START_SECONDS = Date.UTC(2025, 0, 6, 2, 17) / 1000;
/** Days on which backup.sh runs: close together while the daily tier fills, then from tier to tier. */
const DAYS = [0, 1, 8, 15, 30, 32, 39, 60, 93, 101, 125, 190, 280, 367, 398, 430];
/** As promised (docs/operations.md), by repository. */
const TIERS = [
  { repository: 1, name: 'daily', days: 30 },
  { repository: 2, name: 'weekly', days: 92 },
  { repository: 3, name: 'monthly', days: 366 },
];

const say = console.log;
let failures = 0;

/** @returns {Promise<string | null>} the library that gives programs another clock */
async function findFakeTime() {
  for (const root of ['/', (await obtainPackage('libfaketime')) ?? '']) {
    const libraries = join(root, 'usr/lib');
    if (root === '' || !existsSync(libraries)) continue;
    for (const architecture of readdirSync(libraries)) {
      const path = join(libraries, architecture, 'faketime/libfaketime.so.1');
      if (existsSync(path)) return path;
    }
  }
  return null;
}

/**
 * @param {string} work
 * @param {string} serverPrograms
 * @param {string} library
 */
async function trial(work, serverPrograms, library) {
  // pgBackRest wants an archive_command with its name in it.
  const scripts = join(work, 'caudal-pgbackrest');
  cpSync(join(PROJECT, 'deployment/scripts'), scripts, { recursive: true });
  cpSync(join(PROJECT, 'deployment/docker/backup/pgbackrest.conf'), join(work, 'pgbackrest.conf'));
  const places = {
    BACKUP_DIR: join(work, 'backups'),
    BACKUP_KEY_FILE: join(work, 'key'),
    PGBACKREST_CONFIG: join(work, 'pgbackrest.conf'),
    PGBACKREST_LOCK_PATH: join(work, 'lock'),
  };
  writeFileSync(places.BACKUP_KEY_FILE, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  for (const path of [places.BACKUP_DIR, places.PGBACKREST_LOCK_PATH, join(work, 'pg')]) mkdirSync(path);
  const clock = join(work, 'clock');
  const setClock = (/** @type {number} */ seconds) => {
    writeFileSync(clock, String(Math.round(seconds - Date.now() / 1000)), { mode: 0o644 });
  };
  setClock(START_SECONDS);
  const faked = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    // What waits for so many seconds is to wait as long as ever.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const postgres = await startArchivingPostgres({
    directory: join(work, 'pg'),
    serverPrograms,
    runDir: join(work, 'run'),
    archiveCommand: `${join(scripts, 'backup.sh')} wal %p`,
    archiveTimeoutSeconds: 60,
    env: { ...places, ...faked },
  });
  const { identity } = postgres.host;
  for (const path of [places.BACKUP_KEY_FILE, places.BACKUP_DIR, places.PGBACKREST_LOCK_PATH])
    giveTo(path, identity);
  const env = {
    PATH: process.env['PATH'],
    LC_ALL: 'C',
    ...places,
    PGBACKREST_PG1_PATH: postgres.dataDir,
    PGBACKREST_PG1_PORT: String(postgres.port),
    PGBACKREST_PG1_SOCKET_PATH: join(work, 'pg'),
    PGBACKREST_PG1_USER: 'postgres',
  };
  const script = (/** @type {string} */ command, clockOf = {}) =>
    run(join(scripts, 'backup.sh'), [command], { cwd: work, env: { ...env, ...clockOf }, ...identity });

  /** Every backup that was ever made, by repository. @type {Map<number, Map<string, number>>} */
  const made = new Map(TIERS.map(({ repository }) => [repository, new Map()]));
  for (const day of DAYS) {
    const now = START_SECONDS + day * DAY_SECONDS;
    setClock(now);
    await script('postgres', faked);
    const said = [];
    for (const { repository, name, days } of TIERS) {
      const left = await backupsIn(places, repository);
      const all = made.get(repository) ?? new Map();
      for (const [label, stop] of left) all.set(label, stop);
      const expected = keptOf(all, now, days);
      const isKept = [...left.keys()].sort().join() === expected.join();
      if (!isKept) failures += 1;
      const oldest = Math.min(...left.values());
      said.push(
        `${isKept ? '' : '✗ '}${name} ${String(left.size)} of ${String(all.size)}, the oldest of ${String(Math.round((now - oldest) / DAY_SECONDS))} days`,
      );
      if (!isKept) say(`✗ ${name} has ${[...left.keys()].join(' ')} and not ${expected.join(' ')}`);
    }
    say(`day ${String(day).padStart(3)}: ${said.join('; ')}`);
  }
  for (const { repository, name, days } of TIERS) {
    const all = made.get(repository) ?? new Map();
    const left = await backupsIn(places, repository);
    const isMet = left.size < all.size && left.size > 1;
    if (!isMet) failures += 1;
    say(
      `${isMet ? '✓' : '✗'} ${name}, ${String(days)} days: ${String(all.size - left.size)} of ${String(all.size)} expired`,
    );
  }
  await script('verify');
  say('✓ what is left is whole');
}

/**
 * All that are young enough, and the youngest of the others.
 *
 * @param {ReadonlyMap<string, number>} made
 * @param {number} now
 * @param {number} days
 */
function keptOf(made, now, days) {
  const byAge = [...made].sort(([, a], [, b]) => b - a);
  const limit = now - days * DAY_SECONDS;
  const firstOld = byAge.findIndex(([, stop]) => stop <= limit);
  return byAge
    .slice(0, firstOld === -1 ? undefined : firstOld + 1)
    .map(([label]) => label)
    .sort();
}

/**
 * @param {Record<string, string>} places
 * @param {number} repository
 * @returns {Promise<Map<string, number>>} when each ended, by label
 */
async function backupsIn(places, repository) {
  const key = String(repository);
  const { stdout } = await run('pgbackrest', [`--repo=${key}`, '--output=json', 'info'], {
    env: {
      PATH: process.env['PATH'],
      PGBACKREST_CONFIG: places['PGBACKREST_CONFIG'],
      PGBACKREST_LOCK_PATH: places['PGBACKREST_LOCK_PATH'],
      PGBACKREST_STANZA: 'caudal',
      ...repositoryEnvironment(places),
    },
  });
  const [stanza] = /** @type {{ backup: { label: string, timestamp: { stop: number } }[] }[]} */ (
    parseJson(stdout)
  );
  return new Map((stanza?.backup ?? []).map(({ label, timestamp }) => [label, timestamp.stop]));
}

/** Where the repositories are and what opens them, as backup-environment.sh says it. @param {Record<string, string>} places */
function repositoryEnvironment(places) {
  const key = readFileSync(places['BACKUP_KEY_FILE'] ?? '', 'utf8').trim();
  return Object.fromEntries(
    TIERS.flatMap(({ repository, name }) => [
      [`PGBACKREST_REPO${String(repository)}_PATH`, join(places['BACKUP_DIR'] ?? '', name)],
      [`PGBACKREST_REPO${String(repository)}_CIPHER_PASS`, key],
    ]),
  );
}

const tools = await findDrillTools(say);
const library = await findFakeTime();
if ('missing' in tools || library === null) {
  say(`the retention is not tried: ${'missing' in tools ? tools.missing : 'libfaketime'} cannot be had here`);
  process.exit(UNAVAILABLE);
}
const work = mkdtempSync(join(tmpdir(), 'caudal-retention-'));
chmodSync(work, 0o755);
const guard = startGuard({ runDir: join(work, 'run'), remove: [work] });
try {
  // Its account may not be able to read a cache of ours.
  const copy = join(work, 'libfaketime.so.1');
  cpSync(library, copy, { dereference: true });
  chmodSync(copy, 0o755);
  await trial(work, tools.serverPrograms, copy);
} catch (error) {
  failures += 1;
  const { stderr, message } = /** @type {{ stderr?: string, message: string }} */ (error);
  say(`✗ ${stderr?.trim() || message}`);
} finally {
  await guard.release();
}
say(
  failures === 0 ? 'the retention is as promised' : `the retention is not as promised: ${String(failures)}`,
);
process.exit(failures === 0 ? 0 : 1);
