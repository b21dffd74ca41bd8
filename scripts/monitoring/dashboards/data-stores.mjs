// PostgreSQL, Redis and the cache as the processes see them.
import { graph, renderDashboard } from '../dashboard-panels.mjs';
import { quantile, RATE, rate } from './queries.mjs';

export const dataStores = renderDashboard({
  uid: 'caudal-data-stores',
  title: 'Caudal: data stores',
  refresh: '30s',
  from: 'now-3h',
  rows: {
    'PostgreSQL: connections': [
      graph('In use', 'short', [
        ['sum by (pool) (database_connections_active)', '{{pool}} in use'],
        ['sum by (pool) (database_connections_max)', '{{pool}} at most'],
      ]),
      graph('Wait for a connection', 's', [
        [quantile(0.95, 'database_acquire_seconds', 'pool'), 'p95 {{pool}}'],
      ]),
      graph('Waiting and refused', 'short', [
        ['sum by (pool) (database_connections_waiting)', '{{pool}} wait'],
        [`${rate('database_pool_refusals_total', 'pool')} or vector(0)`, '{{pool}} refused a second'],
      ]),
    ],
    'PostgreSQL: nodes': [
      graph('Statements', 'ops', [[rate('database_statements_total', 'pool'), '{{pool}}']]),
      graph('Failures', 'ops', [
        [`${rate('database_errors_total', 'pool, class')} or vector(0)`, '{{pool}} {{class}}'],
      ]),
      graph('Reads by node', 'ops', [[rate('database_reads_total', 'node'), '{{node}}']]),
      graph('Lag of replicas', 's', [
        ['max by (replica) (database_replica_lag_seconds)', 'replica {{replica}}'],
      ]),
      graph('Lag of replicas in bytes', 'bytes', [
        ['max by (replica) (database_replica_lag_bytes)', 'replica {{replica}}'],
      ]),
      graph('Writer', 'short', [
        ['min(database_primary_available)', 'available to all'],
        ['max(database_timeline)', 'timeline'],
        ['max(database_replicas_ejected)', 'replicas left alone'],
      ]),
    ],
    Redis: [
      graph('Connected', 'short', [['min by (role) (redis_connected)', '{{role}}']]),
      graph('Duration of commands', 's', [
        [quantile(0.5, 'redis_command_duration_seconds', 'role'), 'p50 {{role}}'],
        [quantile(0.99, 'redis_command_duration_seconds', 'role'), 'p99 {{role}}'],
      ]),
      graph('Commands', 'ops', [[rate('redis_command_duration_seconds_count', 'role'), '{{role}}']]),
      graph('Missed deadlines', 'ops', [[rate('redis_command_timeouts_total', 'role'), '{{role}}']]),
      graph('Not answered yet', 'short', [['sum by (role) (redis_pending_commands)', '{{role}}']]),
      graph('Connected again', 'short', [
        [`sum by (role) (increase(redis_reconnects_total[${RATE}]))`, '{{role}}'],
      ]),
    ],
    Cache: [
      graph('Share of hits', 'percentunit', [
        [
          `sum(rate(cache_hits_total[${RATE}])) / (sum(rate(cache_hits_total[${RATE}])) + sum(rate(cache_misses_total[${RATE}])))`,
          'hits',
        ],
      ]),
      graph('Reads behind a write of their own', 'ops', [
        [`${rate('database_sticky_reads_total', 'outcome')} or vector(0)`, '{{outcome}}'],
      ]),
      graph('Writes that Redis may not know', 'short', [['sum(consistency_unrecorded_writes)', 'users']]),
    ],
  },
});
