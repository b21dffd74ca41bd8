// @ts-check
import { existsSync } from 'node:fs';
import { findOnPath, succeeds } from '../services/commands.mjs';

/** What the gateway is made of, as Dockerfile installs it. */
const PACKAGES = ['nginx', 'libnginx-mod-http-brotli-filter', 'libnginx-mod-http-brotli-static'];
const BROTLI = '/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so';

/**
 * The path of an nginx that has the modules of the gateway: one that is here, or Debian's when we are root on
 * Debian. Null when there is none.
 *
 * @param {(line: string) => void} log
 * @returns {Promise<string | null>}
 */
export async function findNginx(log) {
  if (present() !== null) return present();
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || findOnPath('apt-get') === null)
    return null;
  log(`installing the Debian packages ${PACKAGES.join(', ')}`);
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...PACKAGES];
  if (!(await succeeds('apt-get', install, { env }))) {
    // The package lists of a new machine or image are usually missing.
    if (!(await succeeds('apt-get', ['update'], { env }))) return null;
    if (!(await succeeds('apt-get', install, { env }))) return null;
  }
  return present();
}

function present() {
  const path = findOnPath('nginx') ?? (existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : null);
  return existsSync(BROTLI) ? path : null;
}
