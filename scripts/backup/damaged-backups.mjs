// @ts-check
// Each kind of damage is done to a copy of the backups; a restore of it must be refused, with what was in its
// place untouched.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ what: string, of: 'postgres' | 'redis', damage: (backups: string) => void }} Damage */

/** @type {readonly Damage[]} */
const DAMAGES = [
  {
    what: 'a byte of the largest file altered',
    of: 'postgres',
    damage: (at) => {
      alter(largest(backupOf(at)));
    },
  },
  {
    what: 'the largest file cut short',
    of: 'postgres',
    damage: (at) => {
      cut(largest(backupOf(at)));
    },
  },
  {
    what: 'the largest file removed',
    of: 'postgres',
    damage: (at) => {
      rmSync(largest(backupOf(at)));
    },
  },
  { what: 'its list of files altered', of: 'postgres', damage: damageManifests },
  {
    what: 'a byte of a WAL segment altered',
    of: 'postgres',
    damage: (at) => {
      alter(lastSegment(at));
    },
  },
  {
    what: 'a WAL segment cut short',
    of: 'postgres',
    damage: (at) => {
      cut(lastSegment(at));
    },
  },
  { what: 'another key', of: 'postgres', damage: changeKey },
  {
    what: 'a byte of the snapshot altered',
    of: 'redis',
    damage: (at) => {
      alter(largest(join(at, 'redis')));
    },
  },
  { what: 'an altered snapshot with a new checksum', of: 'redis', damage: alterUnseen },
  {
    what: 'the snapshot cut short',
    of: 'redis',
    damage: (at) => {
      cut(largest(join(at, 'redis')));
    },
  },
  { what: 'another key', of: 'redis', damage: changeKey },
];

/**
 * @param {object} options
 * @param {string} options.backups
 * @param {string} options.keyFile in it
 * @param {string} options.scratch a directory for copies, which the account of the restore can write
 * @param {(damage: Damage, backups: string, victim: string) => Promise<{ isDone: boolean, output: string }>} options.restore
 * @param {(path: string) => void} options.handOver gives a path to the account of the restore
 * @returns {AsyncGenerator<{ damage: Damage, isRefused: boolean, isKept: boolean, output: string }>}
 */
export async function* tryDamages({ backups, keyFile, scratch, restore, handOver }) {
  for (const damage of DAMAGES) {
    const copy = join(scratch, 'backups');
    const victim = join(scratch, 'victim');
    for (const path of [copy, victim]) rmSync(path, { recursive: true, force: true });
    for (const part of ['daily', 'redis'])
      cpSync(join(backups, part), join(copy, part), { recursive: true, verbatimSymlinks: true });
    cpSync(keyFile, join(copy, 'key'));
    damage.damage(copy);
    mkdirSync(victim);
    writeFileSync(join(victim, 'precious'), 'kept');
    handOver(scratch);
    const { isDone, output } = await restore(damage, copy, victim);
    const isKept =
      existsSync(join(victim, 'precious')) &&
      readFileSync(join(victim, 'precious'), 'utf8') === 'kept' &&
      !existsSync(`${victim}.restoring`);
    yield { damage, isRefused: !isDone, isKept, output };
  }
}

/** @param {string} backups */
export function damageWal(backups) {
  alter(lastSegment(backups));
}

/** @param {string} directory */
function filesOf(directory) {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .sort();
}

/** @param {string} backups */
function backupOf(backups) {
  const directory = join(backups, 'daily/backup/caudal');
  const label = readdirSync(directory)
    .filter((name) => /^\d{8}-\d{6}F$/.test(name))
    .sort()
    .at(-1);
  return join(directory, label ?? '');
}

/** @param {string} directory */
function largest(directory) {
  const files = filesOf(directory).filter((path) => !/manifest|sha256$/.test(path));
  return files.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';
}

/** @param {string} backups */
function lastSegment(backups) {
  const segments = filesOf(join(backups, 'daily/archive')).filter((path) =>
    /[0-9A-F]{24}-[0-9a-f]{40}/.test(path),
  );
  return segments.at(-1) ?? '';
}

/** @param {string} path */
function alter(path) {
  const content = readFileSync(path);
  const middle = Math.floor(content.length / 2);
  content[middle] = (content[middle] ?? 0) ^ 1;
  writeFileSync(path, content);
}

/** @param {string} path */
function cut(path) {
  truncateSync(path, Math.floor(statSync(path).size / 2));
}

/** Both copies of it: one alone is used in place of the other. @param {string} backups */
function damageManifests(backups) {
  for (const path of filesOf(backupOf(backups)).filter((each) => /backup\.manifest/.test(each))) alter(path);
}

/** By somebody who can write both files. @param {string} backups */
function alterUnseen(backups) {
  alter(largest(join(backups, 'redis')));
  for (const path of filesOf(join(backups, 'redis')).filter((each) => each.endsWith('.sha256'))) rmSync(path);
}

/** @param {string} backups */
function changeKey(backups) {
  writeFileSync(join(backups, 'key'), `${'another-key-'.repeat(4)}\n`);
}
