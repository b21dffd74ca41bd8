// @ts-check
import { existsSync } from 'node:fs';
import { findOnPath, succeeds } from './commands.mjs';

/** Another run may hold the lock of the package manager while it installs a server. */
const LOCK_SECONDS = 300;

/**
 * Installs packages when we are root on Debian or what is made of it.
 *
 * @param {readonly string[]} packages
 * @param {(line: string) => void} log
 * @returns {Promise<boolean>} whether they are installed; false when we may not, or apt-get has not all of them
 */
export async function installDebianPackages(packages, log) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || findOnPath('apt-get') === null)
    return false;
  log(`installing ${packages.join(', ')} from Debian`);
  // RUNLEVEL=1 keeps a package from starting a server of its own, which nobody would ever stop.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const lock = `DPkg::Lock::Timeout=${String(LOCK_SECONDS)}`;
  const install = ['-o', lock, 'install', '-y', '--no-install-recommends', ...packages];
  if (await succeeds('apt-get', install, { env })) return true;
  // The package lists of a new machine or image are usually missing.
  return (await succeeds('apt-get', ['update'], { env })) && succeeds('apt-get', install, { env });
}
