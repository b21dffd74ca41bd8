import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { expandPostgresHosts } from '../../common/postgres-hosts.js';
import { type AppConfig, parseRedisUrl } from '../../config/index.js';
import { heapProblem } from './heap-limit.js';
import { type Address, whyUnreachable } from './reachable.js';

const RETRY_MS = 250;
const CONNECT_MS = 1000;
const POSTGRES_PORT = 5432;

/**
 * Exit code 1 when the heap does not fit into the memory limit, or when no host of DATABASE_URL takes a
 * connection within STARTUP_DEADLINE_MS. A Redis that takes none is told and changes nothing: the
 * application starts degraded without it. Whether they serve is the application's to find out.
 */
export async function runPreFlight(config: AppConfig): Promise<number> {
  const heap = heapProblem(getHeapStatistics().heap_size_limit, process.constrainedMemory());
  if (heap !== null) {
    tell(heap);
    return 1;
  }
  const { env } = config;
  const problem = await waitForAny(
    expandPostgresHosts(env.DATABASE_URL).map(postgresAddress),
    env.STARTUP_DEADLINE_MS,
    (reason) => {
      tell(`waiting for PostgreSQL: ${reason}`);
    },
  );
  if (problem !== null) {
    tell(`PostgreSQL took no connection within ${String(env.STARTUP_DEADLINE_MS / 1000)} s: ${problem}`);
    return 1;
  }
  await Promise.all(
    [...redisNodes(config)].map(async ([role, nodes]) => {
      const reason = await anyReachable(nodes);
      if (reason !== null) tell(`Redis (${role}) is not reachable, starting degraded: ${reason}`);
    }),
  );
  return 0;
}

function tell(line: string): void {
  process.stderr.write(`pre-flight: ${line}\n`);
}

async function waitForAny(
  addresses: readonly Address[],
  deadlineMs: number,
  onWait: (reason: string) => void,
): Promise<string | null> {
  const startMs = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    const reason = await anyReachable(addresses);
    if (reason === null || performance.now() - startMs > deadlineMs) return reason;
    if (attempt === 1) onWait(reason);
    await sleep(RETRY_MS);
  }
}

/** Null when one of them takes a connection; otherwise why not, of each. */
async function anyReachable(addresses: readonly Address[]): Promise<string | null> {
  const reasons = await Promise.all(addresses.map((address) => whyUnreachable(address, CONNECT_MS)));
  return reasons.includes(null) ? null : reasons.join('; ');
}

function postgresAddress(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? POSTGRES_PORT : Number(port) };
}

/** A role without a URL of its own is served by the main one. */
function redisNodes({ env }: AppConfig): Map<string, readonly Address[]> {
  const roles = {
    main: env.REDIS_URL,
    'rate limits': env.REDIS_RATE_LIMIT_URL,
    sessions: env.REDIS_SESSION_URL,
    cache: env.REDIS_CACHE_URL,
  };
  return new Map(
    Object.entries(roles)
      .filter(([, url]) => url !== '')
      .map(([role, url]) => [role, parseRedisUrl(url).nodes]),
  );
}
