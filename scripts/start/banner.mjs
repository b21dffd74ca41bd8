// @ts-check

/**
 * What a person needs once everything runs.
 *
 * @param {import('./options.mjs').StartOptions} options
 * @param {{ newPassword: string | null }} admin
 * @returns {string}
 */
export function describeRunning(options, admin) {
  const { port, managementPort, instances, role, dataDir } = options;
  const origin = `http://localhost:${String(port)}`;
  const more = (/** @type {number} */ first) =>
    instances > 1 ? `  (and the ports to ${String(first + instances - 1)})` : '';
  const lines = [''];
  if (role !== 'worker') {
    lines.push(`  API      ${origin}/api/v1${more(port)}`);
    lines.push(`  Docs     ${origin}/docs`);
    lines.push(`  OpenAPI  ${origin}/api/v1/openapi.json`);
    lines.push(`  Health   ${origin}/health`);
  }
  lines.push(`  Metrics  http://localhost:${String(managementPort)}/metrics${more(managementPort)}`);
  lines.push(`  Admin    ${options.adminEmail}`);
  if (admin.newPassword !== null) lines.push(`           password ${admin.newPassword}  (shown this once)`);
  lines.push(`  Data     ${dataDir}  (logs in logs/; npm run reset removes everything)`);
  lines.push('');
  if (role !== 'worker') lines.push(`  Try      curl -s '${origin}/api/v1/products?limit=3'`);
  lines.push('  Stop     Ctrl-C', '');
  return lines.join('\n');
}
