import type { Logger } from '../../logging/index.js';
import type { Metrics } from '../../metrics/index.js';
import { errorClassOf } from './database-errors.js';

export type PoolName = 'write' | 'read';

const WAIT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Saturation comes in floods; one line tells of them all. */
const SATURATION_LOG_MS = 10_000;

/** What is read of a pool at a scrape. */
interface PoolLevels {
  readonly busyCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
}

/** What one pool tells of itself; prepared once, because it is used at every statement. */
export interface PoolGauge {
  sent(): void;
  waited(seconds: number): void;
  failed(error: unknown): void;
  /** A caller got no connection: the queue was full, or the wait too long. */
  refused(): void;
}

/** The metrics of all pools; `list` gives those that exist at present. */
export function createPoolGauges(
  metrics: Metrics,
  logger: Logger,
  list: (name: PoolName) => readonly PoolLevels[],
): (name: PoolName) => PoolGauge {
  const statements = metrics.tallies<PoolName>({
    name: 'database_statements_total',
    help: 'SQL statements sent, BEGIN and COMMIT among them',
    label: 'pool',
    values: ['write', 'read'],
  });
  const refusals = metrics.counter({
    name: 'database_pool_refusals_total',
    help: 'Callers that got no connection: too many waited, or the wait was too long',
    labelNames: ['pool'],
  });
  const errors = metrics.counter({
    name: 'database_errors_total',
    help: 'Failed statements and connections by class of SQLSTATE, or connection',
    labelNames: ['pool', 'class'],
  });
  const waits = metrics.distributions<PoolName>({
    name: 'database_acquire_seconds',
    help: 'Wait for a connection',
    label: 'pool',
    values: ['write', 'read'],
    buckets: WAIT_BUCKETS,
  });
  const level = (name: string, help: string, of: (pool: PoolLevels) => number) =>
    metrics.gauge({
      name,
      help,
      labelNames: ['pool'],
      collect: (gauge) => {
        for (const pool of ['write', 'read'] as const)
          gauge.set(
            { pool },
            list(pool).reduce((sum, each) => sum + of(each), 0),
          );
      },
    });
  level(
    'database_connections_active',
    'Connections that are checked out of a pool',
    (pool) => pool.busyCount,
  );
  level('database_connections_idle', 'Connections that wait for work', (pool) => pool.idleCount);
  level('database_connections_waiting', 'Callers that wait for a connection', (pool) => pool.waitingCount);
  level('database_connections_max', 'Connections that there may be', (pool) => pool.options.max);

  const loggedAtMs = new Map<PoolName, number>();
  return (pool) => ({
    sent: () => {
      statements[pool].inc();
    },
    waited: (seconds) => {
      waits[pool].observe(seconds);
    },
    failed: (error) => {
      errors.inc({ pool, class: errorClassOf(error) });
    },
    refused: () => {
      refusals.inc({ pool });
      const nowMs = performance.now();
      if (nowMs - (loggedAtMs.get(pool) ?? -Infinity) < SATURATION_LOG_MS) return;
      loggedAtMs.set(pool, nowMs);
      logger.warn({ event: 'poolSaturated', pool }, 'a pool has no connection left for its callers');
    },
  });
}
