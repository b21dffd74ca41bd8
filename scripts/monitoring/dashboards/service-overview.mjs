// How the service does: rate, errors, duration, and what saturates.
import { graph, number, renderDashboard } from '../dashboard-panels.mjs';
import { REQUESTS } from '../slo-rules.mjs';
import { JOB, quantile, RATE, rate } from './queries.mjs';

export const serviceOverview = renderDashboard({
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
        [`topk(10, ${rate(`http_requests_total{${REQUESTS}}`, 'method, route')})`, '{{method}} {{route}}'],
      ]),
      graph('p95 by route', 's', [
        [`topk(10, ${quantile(0.95, 'http_request_duration_seconds', 'route', REQUESTS)})`, '{{route}}'],
      ]),
      graph('Answered by deadline', 'reqps', [
        [`sum(rate(http_deadlines_exceeded_total[${RATE}])) or vector(0)`, '503 after REQUEST_DEADLINE_MS'],
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
        ['kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler=~"caudal.*"}', 'are'],
        [
          'kube_horizontalpodautoscaler_status_desired_replicas{horizontalpodautoscaler=~"caudal.*"}',
          'wanted',
        ],
        ['kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler=~"caudal.*"}', 'at most'],
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
});
