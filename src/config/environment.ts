import { ACCOUNTS } from './environment/accounts.js';
import { AUDIT_LOG } from './environment/audit-log.js';
import { CACHE } from './environment/cache.js';
import { CIRCUIT_BREAKER } from './environment/circuit-breaker.js';
import { DATABASE } from './environment/database.js';
import { ERROR_REPORTS } from './environment/error-reports.js';
import { LOAD_SHEDDING } from './environment/load-shedding.js';
import { ORDERS } from './environment/orders.js';
import { PROCESS } from './environment/process.js';
import { RATE_LIMITS } from './environment/rate-limits.js';
import { REDIS } from './environment/redis.js';
import { SESSION_MONITOR } from './environment/session-monitor.js';
import { TRACING } from './environment/tracing.js';

export type { AccessLogPolicy, LogLevel, Role } from './environment/process.js';
export { REGION_NAME } from './environment/validators.js';

/**
 * Every setting of the process: name, range, default, meaning. docs/configuration.md is kept equal
 * to this table by a test.
 */
export const ENVIRONMENT = {
  ...PROCESS,
  ...DATABASE,
  ...REDIS,
  ...ACCOUNTS,
  ...ORDERS,
  ...CACHE,
  ...RATE_LIMITS,
  ...LOAD_SHEDDING,
  ...SESSION_MONITOR,
  ...CIRCUIT_BREAKER,
  ...AUDIT_LOG,
  ...TRACING,
  ...ERROR_REPORTS,
};
