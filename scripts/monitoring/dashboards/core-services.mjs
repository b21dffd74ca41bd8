// The mechanisms below the shop: limits, breakers, audit log, sessions, shedding, jobs.
import { graph, table, renderDashboard } from '../dashboard-panels.mjs';
import { quantile, RATE, rate } from './queries.mjs';

export const coreServices = renderDashboard({
  uid: 'caudal-core-services',
  title: 'Caudal: core services',
  refresh: '30s',
  from: 'now-3h',
  rows: {
    'Rate limiter': [
      graph('Decisions', 'reqps', [[rate('rate_limiter_hits_total', 'policy'), '{{policy}}']]),
      graph('Refusals and near misses', 'reqps', [
        [rate('rate_limiter_denied_total', 'policy'), 'denied {{policy}}'],
        [rate('rate_limiter_near_limit_total', 'policy'), 'near {{policy}}'],
      ]),
      graph('Fallback and fleet', 'short', [
        ['sum(rate_limiter_fallback_active)', 'processes without Redis'],
        ['max(rate_limiter_live_pods)', 'live processes'],
      ]),
    ],
    'Circuit breakers': [
      graph('State', 'short', [
        ['max by (breaker, state) (circuit_breaker_state) == 1', '{{breaker}} {{state}}'],
      ]),
      graph('Calls', 'reqps', [
        [rate('circuit_breaker_calls_total', 'breaker, outcome'), '{{breaker}} {{outcome}}'],
      ]),
      graph('Refused calls', 'reqps', [
        [
          `${rate('circuit_breaker_not_permitted_total', 'breaker, reason')} or vector(0)`,
          '{{breaker}} {{reason}}',
        ],
      ]),
    ],
    'Audit log': [
      graph('Lag', 's', [['max by (chain) (audit_lag_seconds)', 'chain {{chain}}']]),
      graph('Events', 'cps', [
        [rate('audit_recorded_total', 'class'), 'recorded {{class}}'],
        [rate('audit_written_total', 'source'), 'written from {{source}}'],
        [rate('audit_dropped_total', 'class'), 'dropped {{class}}'],
      ]),
      graph('Waiting', 'short', [
        ['sum(audit_buffer_events)', 'in memory'],
        ['sum(audit_pending_entries)', 'not acknowledged'],
        ['max(audit_dead_letter_entries)', 'put aside'],
      ]),
    ],
    Sessions: [
      graph('Operations', 'ops', [
        [rate('session_operations_total', 'operation, result'), '{{operation}} {{result}}'],
      ]),
      graph('Session store', 's', [
        [quantile(0.95, 'session_store_duration_seconds', 'operation'), 'p95 {{operation}}'],
      ]),
      graph('Knowledge of ended sessions', 's', [
        ['max by (region) (session_revocations_age_seconds)', '{{region}}'],
      ]),
      graph('Log-ins', 'ops', [[rate('auth_logins_total', 'result'), '{{result}}']]),
      graph('Live sessions', 'short', [
        ['max(active_users_count)', 'users'],
        ['sum by (device) (sessions_active_by_device)', '{{device}}'],
      ]),
      graph('Session monitor', 's', [
        [quantile(0.95, 'session_monitor_run_duration_seconds', ''), 'p95 of a run'],
      ]),
    ],
    'Load shedding and health': [
      graph('Level', 'short', [['load_shedding_level', '{{instance}}']]),
      graph(
        'Components',
        'short',
        [['min by (component) (health_component_status)', '{{component}}']],
        '1 up, 0.5 degraded, 0 down',
      ),
      table('Features', 'short', [['min by (feature) (feature_enabled)', '{{feature}}']]),
    ],
    'Jobs and events': [
      graph('Runs', 'ops', [
        [rate('jobs_runs_total', 'exported_job, outcome'), '{{exported_job}} {{outcome}}'],
      ]),
      graph('Time spent', 'percentunit', [
        [rate('jobs_run_seconds_total', 'exported_job'), '{{exported_job}}'],
      ]),
      graph('Outbox', 'short', [
        ['max(events_outbox_waiting)', 'waiting'],
        [`sum(rate(events_published_total[${RATE}]))`, 'published a second'],
      ]),
    ],
  },
});
