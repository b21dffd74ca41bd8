// @ts-check
// npm run rehearse:retention
// Lets fourteen months pass for a real PostgreSQL and the shipped backup.sh, by a clock that libfaketime gives to both,
// and looks after every run which backups each repository still has: daily those of 30 days, weekly of 92, monthly of
// 366, and of each one older, because without it the oldest days could not be restored. Some minutes.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rehearse, Unavailable } from '../rehearsal/cache.mjs';
import { parseJson } from '../services/json-file.mjs';
import { obtainPackage } from '../setup/tool-cache.mjs';
import { openBackupStage } from './backup-stage.mjs';

const execute = promisify(execFile);
const DAY_SECONDS = 86_400;
/** Of the first backup: any day of the past will do. */
const START_SECONDS = Date.UTC(2025, 0, 6, 2, 17) / 1000;
/**
 * Days on which backup.sh runs: close together while the daily tier fills, then from tier to tier. No two are just as far
 * apart as a tier keeps, which seconds would decide.
 */
const DAYS = [0, 1, 8, 15, 29, 32, 39, 60, 94, 102, 125, 190, 280, 365, 399, 430];
/** As promised (docs/operations.md), by repository. */
const TIERS = [
  { repository: 1, name: 'daily', days: 30 },
  { repository: 2, name: 'weekly', days: 92 },
  { repository: 3, name: 'monthly', days: 366 },
];
const DEADLINE_MS = 1_800_000;

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
 * A clock for the server and the scripts, in the folder of the stage.
 *
 * @param {string} work
 * @param {string} library
 */
function fakeClock(work, library) {
  // The account of PostgreSQL may not be able to read a cache of ours.
  const copy = join(work, 'libfaketime.so.1');
  cpSync(library, copy, { dereference: true });
  chmodSync(copy, 0o755);
  const file = join(work, 'clock');
  const set = (/** @type {number} */ seconds) => {
    writeFileSync(file, String(Math.round(seconds - Date.now() / 1000)), { mode: 0o644 });
  };
  set(START_SECONDS);
  return {
    set,
    env: {
      LD_PRELOAD: copy,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      // What waits for so many seconds is to wait as long as ever.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  };
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
 * @param {import('./backup-stage.mjs').BackupPlaces} places
 * @param {number} repository
 * @returns {Promise<Map<string, number>>} when each ended, by label
 */
async function backupsIn(places, repository) {
  const key = String(repository);
  const { stdout } = await execute('pgbackrest', [`--repo=${key}`, '--output=json', 'info'], {
    env: {
      PATH: process.env['PATH'],
      PGBACKREST_CONFIG: places.PGBACKREST_CONFIG,
      PGBACKREST_LOCK_PATH: places.PGBACKREST_LOCK_PATH,
      PGBACKREST_STANZA: 'caudal',
      ...repositoryEnvironment(places),
    },
  });
  const [stanza] = /** @type {{ backup: { label: string, timestamp: { stop: number } }[] }[]} */ (
    parseJson(stdout)
  );
  return new Map((stanza?.backup ?? []).map(({ label, timestamp }) => [label, timestamp.stop]));
}

/** Where the repositories are and what opens them, as backup-environment.sh says it. @param {import('./backup-stage.mjs').BackupPlaces} places */
function repositoryEnvironment(places) {
  const key = readFileSync(places.BACKUP_KEY_FILE, 'utf8').trim();
  return Object.fromEntries(
    TIERS.flatMap(({ repository, name }) => [
      [`PGBACKREST_REPO${String(repository)}_PATH`, join(places.BACKUP_DIR, name)],
      [`PGBACKREST_REPO${String(repository)}_CIPHER_PASS`, key],
    ]),
  );
}

await rehearse('the retention', { deadlineMs: DEADLINE_MS }, async (rehearsal) => {
  const { say, goal } = rehearsal;
  const library = await findFakeTime();
  if (library === null) throw new Unavailable('libfaketime cannot be had here');
  /** @type {ReturnType<typeof fakeClock> | undefined} */
  let clock;
  const { script, places } = await openBackupStage(rehearsal, {
    name: 'retention',
    archiveTimeoutSeconds: 60,
    envOf: (work) => (clock = fakeClock(work, library)).env,
  });

  /** Every backup that was ever made, by repository. @type {Map<number, Map<string, number>>} */
  const made = new Map(TIERS.map(({ repository }) => [repository, new Map()]));
  for (const day of DAYS) {
    const now = START_SECONDS + day * DAY_SECONDS;
    clock?.set(now);
    await script(['backup.sh', 'postgres']);
    const said = [];
    let isKept = true;
    for (const { repository, name, days } of TIERS) {
      const left = await backupsIn(places, repository);
      const all = made.get(repository) ?? new Map();
      for (const [label, stop] of left) all.set(label, stop);
      const expected = keptOf(all, now, days);
      const oldest = Math.round((now - Math.min(...left.values())) / DAY_SECONDS);
      said.push(`${name} ${String(left.size)} of ${String(all.size)}, the oldest of ${String(oldest)} days`);
      if ([...left.keys()].sort().join() === expected.join()) continue;
      isKept = false;
      said.push(`not ${expected.join(' ')} but ${[...left.keys()].join(' ')}`);
    }
    goal(isKept, `day ${String(day).padStart(3)}: ${said.join('; ')}`);
  }
  for (const { repository, name, days } of TIERS) {
    const all = made.get(repository) ?? new Map();
    const left = await backupsIn(places, repository);
    goal(
      left.size < all.size && left.size > 1,
      `${name}, ${String(days)} days: ${String(all.size - left.size)} of ${String(all.size)} expired`,
    );
  }
  await script(['backup.sh', 'verify']);
  say('what is left is whole');
});
