// @ts-check
import { existsSync } from 'node:fs';
import { findOnPath, succeeds } from '../services/commands.mjs';

/** What the gateway is made of, as Dockerfile installs it. */
const PACKAGES = ['nginx', 'libnginx-mod-http-brotli-filter', 'libnginx-mod-http-brotli-static'];
/** What the overlay with the firewall adds: modsecurity/Dockerfile. */
const FIREWALL_PACKAGES = ['libnginx-mod-http-modsecurity', 'modsecurity-crs'];
const FIREWALL = [
  '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so',
  '/usr/share/modsecurity-crs/rules/REQUEST-949-BLOCKING-EVALUATION.conf',
];
const BROTLI = '/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so';

/**
 * The path of an nginx that has the modules of the gateway: one that is here, or Debian's when we are root on
 * Debian. Null when there is none.
 *
 * @param {(line: string) => void} log
 * @returns {Promise<string | null>}
 */
export async function findNginx(log) {
  if (present() === null) await install(PACKAGES, log);
  return present();
}

/**
 * Whether that nginx has ModSecurity and the OWASP core rules, now.
 *
 * @param {(line: string) => void} log
 * @returns {Promise<boolean>}
 */
export async function findFirewall(log) {
  if (!hasFirewall()) await install(FIREWALL_PACKAGES, log);
  return hasFirewall();
}

/**
 * Debian's packages, when we are root on Debian.
 *
 * @param {string[]} packages
 * @param {(line: string) => void} log
 */
async function install(packages, log) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || findOnPath('apt-get') === null)
    return;
  log(`installing the Debian packages ${packages.join(', ')}`);
  // RUNLEVEL=1 keeps the package from starting a server of its own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const args = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...packages];
  if (await succeeds('apt-get', args, { env })) return;
  // The package lists of a new machine or image are usually missing.
  if (await succeeds('apt-get', ['update'], { env })) await succeeds('apt-get', args, { env });
}

function hasFirewall() {
  return FIREWALL.every((path) => existsSync(path));
}

function present() {
  const path = findOnPath('nginx') ?? (existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : null);
  return existsSync(BROTLI) ? path : null;
}
