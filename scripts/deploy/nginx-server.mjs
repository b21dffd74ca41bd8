// @ts-check
import { existsSync } from 'node:fs';
import { findOnPath } from '../services/commands.mjs';
import { installDebianPackages } from '../services/debian-packages.mjs';

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
  if (present() === null) await installDebianPackages(PACKAGES, log);
  return present();
}

/**
 * Whether that nginx has ModSecurity and the OWASP core rules, now.
 *
 * @param {(line: string) => void} log
 * @returns {Promise<boolean>}
 */
export async function findFirewall(log) {
  if (!hasFirewall()) await installDebianPackages(FIREWALL_PACKAGES, log);
  return hasFirewall();
}

function hasFirewall() {
  return FIREWALL.every((path) => existsSync(path));
}

function present() {
  const path = findOnPath('nginx') ?? (existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : null);
  return existsSync(BROTLI) ? path : null;
}
