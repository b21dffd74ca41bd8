// @ts-check
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath } from '../services/commands.mjs';
import { installDebianPackages } from '../services/debian-packages.mjs';

/** Where Debian and the PostgreSQL project's packages put servers, by major version. */
const SERVERS = '/usr/lib/postgresql';
/** The oldest that the schema is for. */
const MAJOR_VERSION_MIN = 15;
const PROGRAMS = ['pgbackrest', 'gpg', 'redis-server', 'redis-cli', 'redis-check-rdb'];

/**
 * What the drill needs of this machine. A package manager may bring what is missing where we are root.
 *
 * @param {(line: string) => void} log
 * @returns {Promise<{ serverPrograms: string } | { missing: string }>} the directory of initdb and postgres,
 *   or the names of what cannot be had
 */
export async function findDrillTools(log) {
  if (missing().length > 0) {
    const server = findServerPrograms() === null ? ['postgresql'] : [];
    const packages = ['pgbackrest', 'gpg', 'gpg-agent', 'redis-server', 'redis-tools', ...server];
    await installDebianPackages(packages, log);
  }
  const serverPrograms = findServerPrograms();
  if (missing().length > 0 || serverPrograms === null) return { missing: missing().join(', ') };
  return { serverPrograms };
}

function missing() {
  const programs = PROGRAMS.filter((name) => findOnPath(name) === null);
  return findServerPrograms() === null ? [...programs, 'a PostgreSQL server'] : programs;
}

/** The newest server that there is; the one that npm brings has no tools beside it. */
function findServerPrograms() {
  if (!existsSync(SERVERS)) return null;
  const [newest] = readdirSync(SERVERS)
    .map(Number)
    .filter((major) => major >= MAJOR_VERSION_MIN)
    .filter((major) => existsSync(join(SERVERS, String(major), 'bin', 'initdb')))
    .sort((a, b) => b - a);
  return newest === undefined ? null : join(SERVERS, String(newest), 'bin');
}
