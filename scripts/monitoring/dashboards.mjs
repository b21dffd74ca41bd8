// What is seen together. The expressions are those of the rules where there is one.
import { graph, number, renderDashboard, table } from './dashboard-panels.mjs';
import { REQUESTS } from './slo-rules.mjs';

const RATE = '$__rate_interval';
const JOB = 'job=~"caudal.*"';

/** @param {string} metric @param {string} by */
const rate = (metric, by) => `sum by (${by}) (rate(${metric}[${RATE}]))`;
/** @param {number} quantile @param {string} metric without `_bucket` @param {string} by @param {string} matchers */
const quantile = (quantile, metric, by, matchers = '') =>
  `histogram_quantile(${String(quantile)}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${metric}_bucket{${matchers}}[${RATE}])))`;

/**
 * @param {import('./slo-rules.mjs').Slo} slo
 * @returns {Record<string, ReturnType<typeof renderDashboard>>} by file name
 */
export function renderDashboards(slo) {
  return {
    'service-overview': renderDashboard({
      uid: 'caudal-overview',
      title: 'Caudal: service overview',
      refresh: '30s',
      from: 'now-3h',
      rows: {
        Now: [
          number('Processes', 'short', [[`count(up{${JOB}} == 1)`, '']]),
          number('Requests', 'reqps', [['service:requests:rate5m', '']]),
          number(
            'Failed',
            'percentunit',
            [['service:availability_bad:ratio5m', '']],
            '5xx of all requests',
            0.001,
          ),
          number('p95', 's', [['service:latency:p95_5m', '']], '', 0.2),
          number('Shed', 'reqps', [['service:shed:rate5m', '']], '503 SERVER_OVERLOADED', 0.1),
          number('Alerts', 'short', [['count(ALERTS{alertstate="firing"}) or vector(0)', '']], '', 1),
        ],
        'Rate, errors, duration': [
          graph('Requests by status', 'reqps', [
            [rate(`http_requests_total{${REQUESTS}}`, 'status'), '{{status}}'],
          ]),
          graph('Failed, by route', 'reqps', [
            [
              `topk(10, ${rate(`http_requests_total{${REQUESTS},status=~"5.."}`, 'route, status')}) or vector(0)`,
              '{{route}} {{status}}',
            ],
          ]),
          graph('Duration', 's', [
            ['service:latency:p50_5m', 'p50'],
            ['service:latency:p95_5m', 'p95'],
            ['service:latency:p99_5m', 'p99'],
          ]),
          graph('Busiest routes', 'reqps', [
            [
              `topk(10, ${rate(`http_requests_total{${REQUESTS}}`, 'method, route')})`,
              '{{method}} {{route}}',
            ],
          ]),
          graph('p95 by route', 's', [
            [`topk(10, ${quantile(0.95, 'http_request_duration_seconds', 'route', REQUESTS)})`, '{{route}}'],
          ]),
          graph('Answered by deadline', 'reqps', [
            [
              `sum(rate(http_deadlines_exceeded_total[${RATE}])) or vector(0)`,
              '503 after REQUEST_DEADLINE_MS',
            ],
          ]),
        ],
        Saturation: [
          graph(
            'Processor',
            'percentunit',
            [[`rate(process_cpu_seconds_total{${JOB}}[${RATE}])`, '{{instance}}']],
            'Of the one core that an event loop can use',
          ),
          graph('Delay of the event loop', 's', [
            [`nodejs_eventloop_lag_p99_seconds{${JOB}}`, 'p99 {{instance}}'],
            ['load_shedding_loop_delay_seconds', 'least of 0.1 s {{instance}}'],
          ]),
          graph('Open requests', 'short', [
            ['sum by (priority) (load_shedding_requests_open)', '{{priority}}'],
            ['sum(load_shedding_concurrency_limit)', 'limit'],
          ]),
          graph('Heap', 'bytes', [
            [`nodejs_heap_size_used_bytes{${JOB}}`, 'used {{instance}}'],
            [`process_resident_memory_bytes{${JOB}}`, 'resident {{instance}}'],
          ]),
          graph('Database connections in use', 'percentunit', [
            [
              'sum by (pool) (database_connections_active) / sum by (pool) (database_connections_max)',
              '{{pool}}',
            ],
          ]),
          graph('Callers that wait for one', 'short', [
            ['sum by (pool) (database_connections_waiting)', '{{pool}}'],
          ]),
        ],
        Platform: [
          graph('Pods of the autoscaler', 'short', [
            [
              'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler=~"caudal.*"}',
              'are',
            ],
            [
              'kube_horizontalpodautoscaler_status_desired_replicas{horizontalpodautoscaler=~"caudal.*"}',
              'wanted',
            ],
            [
              'kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler=~"caudal.*"}',
              'at most',
            ],
          ]),
          graph('Room on disks', 'percentunit', [
            [
              'kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes',
              '{{persistentvolumeclaim}}',
            ],
            [
              'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs"} / node_filesystem_size_bytes',
              '{{instance}} {{mountpoint}}',
            ],
          ]),
          graph('Life of certificates', 's', [['probe_ssl_earliest_cert_expiry - time()', '{{instance}}']]),
        ],
      },
    }),
    'flash-sale': renderDashboard({
      uid: 'caudal-flash-sale',
      title: 'Caudal: flash sale live',
      refresh: '5s',
      from: 'now-15m',
      rows: {
        Now: [
          number(
            'Orders',
            'reqps',
            [[`sum(rate(orders_placed_total[${RATE}]))`, '']],
            'Every request to place one',
          ),
          number('Paid in the last hour', 'short', [['sum(increase(orders_completed_total[1h]))', '']]),
          number(
            'Units left',
            'short',
            [['sum(max by (sku) (inventory_watched_units{state="available"}))', '']],
            'Of WATCHED_SKUS',
          ),
          number('Waiting orders', 'short', [['sum(orders_queue_length)', '']]),
          number(
            'Oversold or unexplained',
            'short',
            [['sum(max by (invariant) (inventory_invariant_violations))', '']],
            'Variants whose stock breaks an invariant: must be 0',
            1,
          ),
          number(
            'Level of shedding',
            'short',
            [['max(load_shedding_level)', '']],
            '0 is calm, 3 sheds nearly everything',
            1,
          ),
        ],
        Sold: [
          graph('Orders by outcome', 'reqps', [[rate('orders_placed_total', 'outcome'), '{{outcome}}']]),
          graph('Units of the sale', 'short', [
            ['max by (sku, state) (inventory_watched_units)', '{{sku}} {{state}}'],
          ]),
          graph('Paid and expired', 'reqps', [
            [`sum(rate(orders_completed_total[${RATE}]))`, 'paid'],
            [`sum(rate(orders_expired_total[${RATE}]))`, 'expired'],
          ]),
        ],
        Queue: [
          graph('Orders that wait for a batch', 'short', [['orders_queue_length', '{{instance}}']]),
          graph('Size of batches', 'short', [
            [quantile(0.5, 'orders_batch_size', ''), 'p50'],
            [quantile(0.95, 'orders_batch_size', ''), 'p95'],
          ]),
          graph('Duration of orders', 's', [
            [
              quantile(0.5, 'http_request_duration_seconds', '', 'method="POST",route="/api/v1/orders"'),
              'p50',
            ],
            [
              quantile(0.95, 'http_request_duration_seconds', '', 'method="POST",route="/api/v1/orders"'),
              'p95',
            ],
            [
              quantile(0.99, 'http_request_duration_seconds', '', 'method="POST",route="/api/v1/orders"'),
              'p99',
            ],
          ]),
        ],
        'Turned away': [
          graph('Shed', 'reqps', [
            [rate('load_shedding_requests_shed_total', 'priority, reason'), '{{priority}}, {{reason}}'],
          ]),
          graph('Refused by rate limits', 'reqps', [
            [rate('rate_limiter_denied_total', 'policy'), '{{policy}}'],
          ]),
          graph('Payment provider', 'reqps', [
            [rate('payments_provider_calls_total', 'operation, outcome'), '{{operation}} {{outcome}}'],
          ]),
        ],
        'What must not grow': [
          graph('Reservations that should be over', 's', [
            ['max(orders_reservation_overdue_seconds)', 'oldest'],
          ]),
          graph('Events in the outbox', 's', [['max(events_outbox_lag_seconds)', 'oldest']]),
          graph('Stock invariants', 'short', [
            ['max by (invariant) (inventory_invariant_violations)', '{{invariant}}'],
          ]),
        ],
      },
    }),
    'core-services': renderDashboard({
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
    }),
    'data-stores': renderDashboard({
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
    }),
    objectives: renderDashboard({
      uid: 'caudal-objectives',
      title: 'Caudal: objectives',
      refresh: '1m',
      from: 'now-7d',
      rows: objectiveRows(slo),
    }),
  };
}

/** @param {import('./slo-rules.mjs').Slo} slo */
function objectiveRows({ objectives, periodDays, throughput }) {
  /** @type {Record<string, import('./dashboard-panels.mjs').Panel[]>} */
  const rows = {};
  for (const [name, { target, bad }] of Object.entries(objectives)) {
    const percent = String(Number((target * 100).toPrecision(6)));
    const budget = String(Number((1 - target).toPrecision(6)));
    const ofPeriod = `service:${name}_bad:ratio${String(periodDays)}d`;
    rows[`${name}: at least ${percent} %`] = [
      number('Good over the period', 'percentunit', [[`1 - ${ofPeriod}`, '']], `Bad are ${bad}.`),
      number('Budget left', 'percentunit', [[`1 - ${ofPeriod} / ${budget}`, '']]),
      graph(
        'Burn rate',
        'short',
        ['1h', '6h', '3d'].map((window) => [`service:${name}_bad:ratio${window} / ${budget}`, window]),
        '1 spends the budget exactly within the period',
      ),
    ];
  }
  rows['throughput'] = [
    graph('Answered a minute', 'short', [
      ['(service:requests:rate5m - service:availability_bad:rate5m) * 60', 'answered'],
      [`vector(${String(throughput.requestsPerMinute)})`, 'promised to be possible'],
    ]),
    graph('Shed', 'reqps', [['service:shed:rate5m', 'shed']]),
    table('Alerts', 'short', [
      [
        'ALERTS{alertstate="firing"} or label_replace(vector(0), "alertname", "none", "", "")',
        '{{alertname}}',
      ],
    ]),
  ];
  return rows;
}
