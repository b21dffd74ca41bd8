// npm run check:gateway [-- jest arguments]
// A real nginx with the shipped configuration, in front of stubs and of the built application. Build first.
import { spawnSync } from 'node:child_process';
import { findFirewall, findNginx } from './deploy/nginx-server.mjs';

const nginx = await findNginx(console.log);
if (nginx === null) {
  console.log(
    'nginx with its brotli modules is not here and cannot be had by apt: the gateway was not checked',
  );
  process.exit(0);
}
const hasFirewall = await findFirewall(console.log);
if (!hasFirewall)
  console.log(
    'ModSecurity and its core rules are not here and cannot be had by apt: the firewall was not checked',
  );
const { status } = spawnSync(
  'npm',
  ['run', '--silent', 'test:jest', '--', '--selectProjects', 'gateway', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { ...process.env, CAUDAL_NGINX: nginx, ...(hasFirewall ? { CAUDAL_FIREWALL: 'true' } : {}) },
  },
);
process.exit(status ?? 1);
