import { port, str } from 'envalid';
import { int, list } from './validators.js';

export type Role = 'api' | 'worker' | 'all';
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
export type AccessLogPolicy = 'all' | 'writes' | 'errors';

/** The process itself: role, ports, deadlines of requests and of its life, health. */
export const PROCESS = {
  ROLE: str<Role>({
    choices: ['api', 'worker', 'all'],
    default: 'all',
    desc: 'What the process does: serve requests, run background work, or both.',
  }),
  PORT: port({ default: 3000, desc: 'Port of the public API.' }),
  MANAGEMENT_PORT: port({ default: 9464, desc: 'Port of /metrics and the probes; no ingress exposes it.' }),
  HOST: str({ default: '0.0.0.0', desc: 'Address to listen on.' }),
  LOG_LEVEL: str<LogLevel>({
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    desc: 'Least severe level that is logged.',
  }),
  ACCESS_LOG: str<AccessLogPolicy>({
    choices: ['all', 'writes', 'errors'],
    default: 'writes',
    desc: 'Requests that get a log line: every one; writes and failures; failures only. The gateway logs every request anyway.',
  }),
  TRUST_PROXY_HOPS: int(
    0,
    10,
  )({ default: 0, desc: 'How many proxies in front are believed in X-Forwarded-For.' }),
  PUBLIC_ORIGINS: list({
    default: [],
    desc: 'Web origins that may call the API with cookies (CORS and the Origin check), comma separated.',
  }),
  BODY_LIMIT_BYTES: int(1024, 10_485_760)({ default: 65_536, desc: 'Largest request body.' }),
  REQUEST_TIMEOUT_MS: int(1000, 120_000)({ default: 15_000, desc: 'Longest time for a request to arrive.' }),
  REQUEST_DEADLINE_MS: int(
    100,
    120_000,
  )({
    default: 15_000,
    desc: 'Longest time from the headers of a request to its answer, which then is a 503.',
  }),
  SHUTDOWN_DELAY_MS: int(
    0,
    60_000,
  )({
    default: 0,
    desc: 'Time between SIGTERM and the end of accepting, for balancers to take notice (5000 in Kubernetes).',
  }),
  SHUTDOWN_DEADLINE_MS: int(
    1000,
    120_000,
  )({ default: 20_000, desc: 'Longest time to finish work in flight after the delay.' }),
  STARTUP_DEADLINE_MS: int(
    1000,
    600_000,
  )({ default: 30_000, desc: 'How long the start waits for PostgreSQL.' }),

  HEALTH_CHECK_DEADLINE_MS: int(
    20,
    10_000,
  )({ default: 500, desc: 'Longest time for one dependency to answer a health check.' }),
  HEALTH_FAILURES_TO_DOWN: int(
    1,
    20,
  )({ default: 2, desc: 'Failed checks in a row, a second apart, after which a dependency counts as down.' }),
  HEALTH_SUCCESSES_TO_UP: int(
    1,
    20,
  )({ default: 2, desc: 'Good checks in a row after which it counts as up again.' }),
};
