// @ts-check
// Programs that checks need and npm does not bring: from the PATH, out of a package of Debian, or built by Go. What is
// fetched lies in CAUDAL_TOOLS, outside of the repository; what cannot be had is a reason of one line.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goTool } from '../rehearsal/go-tools.mjs';
import { findOnPath, isExecutable } from '../services/commands.mjs';

const execute = promisify(execFile);
const CACHES = process.env['XDG_CACHE_HOME'] ?? '';

/** The folder of everything that checks fetch; each kind has a folder in it. */
export const TOOLS =
  process.env['CAUDAL_TOOLS'] ?? join(CACHES === '' ? join(homedir(), '.cache') : CACHES, 'caudal-tools');

/** Unpacked and not installed: nothing of the machine changes and no daemon is started. */
const DEBIAN = new Map(
  Object.entries({
    promtool: 'prometheus',
    prometheus: 'prometheus',
    amtool: 'prometheus-alertmanager',
    shellcheck: 'shellcheck',
  }),
);

/**
 * @param {string} name
 * @returns {Promise<{ path: string, reason?: undefined } | { path?: undefined, reason: string }>}
 */
export async function obtainTool(name) {
  const here = findTool(name);
  if (here !== null) return { path: here };
  const package_ = DEBIAN.get(name);
  if (package_ === undefined) return goTool(name);
  await unpack(package_);
  const path = findTool(name);
  return path === null
    ? { reason: `${name} is not here, and apt-get has no package ${package_} to give` }
    : { path };
}

/**
 * Where it is without fetching anything.
 *
 * @param {string} name
 */
export function findTool(name) {
  const onPath = findOnPath(name);
  if (onPath !== null) return onPath;
  const own = [join(TOOLS, 'bin', name)];
  const package_ = DEBIAN.get(name);
  if (package_ !== undefined) own.push(join(TOOLS, package_, 'usr/bin', name));
  return own.find(isExecutable) ?? null;
}

/**
 * The folder of an unpacked package, for what is no program.
 *
 * @param {string} package_
 */
export async function obtainPackage(package_) {
  const folder = join(TOOLS, package_);
  if (!existsSync(join(folder, 'usr'))) await unpack(package_);
  return existsSync(join(folder, 'usr')) ? folder : null;
}

/** @param {string} package_ */
async function unpack(package_) {
  const folder = join(TOOLS, package_);
  mkdirSync(folder, { recursive: true });
  const download = () => execute('apt-get', ['download', package_], { cwd: folder });
  try {
    // A new machine has no lists of packages yet.
    await download().catch(() => execute('apt-get', ['update']).then(download));
    await execute('sh', ['-c', 'for each in *.deb; do dpkg-deb -x "$each" .; done'], { cwd: folder });
  } catch {
    // No apt-get, no network or no such package: the caller sees that the program is not there.
  }
}
